/**
 * The payment methods that Stripe documents for testing (docs.stripe.com/testing, ACH: docs.stripe.com/payments/ach-direct-debit).
 * Each is a card or account with a fixed behaviour: attaching or charging it creates a new payment method.
 */

import type { StepDeclineCodes, Step } from './steps.ts';

export interface TestMethod {
  type: 'card' | 'us_bank_account';
  brand: string;
  last4: string;
  country: string;
  funding: 'credit' | 'debit' | 'prepaid';
  behaviour: Step;
  /** The card cannot be attached: Stripe responds with the decline. */
  refusesAttach: boolean;
}

const approve: Step = { do: 'approve' };

const APPROVED_CARDS: Record<string, Partial<TestMethod>> = {
  visa: { brand: 'visa', last4: '4242' },
  visa_debit: { brand: 'visa', last4: '5556', funding: 'debit' },
  mastercard: { brand: 'mastercard', last4: '4444' },
  mastercard_debit: { brand: 'mastercard', last4: '8210', funding: 'debit' },
  mastercard_prepaid: { brand: 'mastercard', last4: '5100', funding: 'prepaid' },
  amex: { brand: 'amex', last4: '8431' },
  discover: { brand: 'discover', last4: '1117' },
  diners: { brand: 'diners', last4: '0004' },
  jcb: { brand: 'jcb', last4: '0505' },
  unionpay: { brand: 'unionpay', last4: '0005' },
  riskLevelElevated: { last4: '9235' },
  cvcCheckFail: { last4: '0101' },
  avsFail: { last4: '0010' },
  avsZipFail: { last4: '0036' },
  threeDSecureOptional: { last4: '3055' },
  authenticationRequiredSetupForOffSession: { last4: '0446' },
};

/** Declined when attached and when charged; each also exists with the brand in its name (`pm_card_visa_chargeDeclined`). */
const DECLINED_CARDS: Record<string, StepDeclineCodes & { last4: string }> = {
  chargeDeclined: { last4: '0002', decline_code: 'generic_decline' },
  chargeDeclinedInsufficientFunds: { last4: '9995', decline_code: 'insufficient_funds' },
  chargeDeclinedLostCard: { last4: '9987', decline_code: 'lost_card' },
  chargeDeclinedStolenCard: { last4: '9979', decline_code: 'stolen_card' },
  chargeDeclinedFraudulent: { last4: '0019', decline_code: 'fraudulent' },
  chargeDeclinedVelocityLimitExceeded: { last4: '6975', decline_code: 'card_velocity_exceeded' },
  chargeDeclinedExpiredCard: { last4: '0069', code: 'expired_card' },
  chargeDeclinedIncorrectCvc: { last4: '0127', code: 'incorrect_cvc' },
  chargeDeclinedProcessingError: { last4: '0119', code: 'processing_error' },
};

/** Attached successfully, declined when charged. */
const DECLINED_WHEN_CHARGED: Record<string, { last4: string; behaviour: Step }> = {
  chargeCustomerFail: { last4: '0341', behaviour: { do: 'decline', decline_code: 'generic_decline' } },
  radarBlock: { last4: '0019', behaviour: { do: 'decline', decline_code: 'fraudulent' } },
  authenticationRequired: { last4: '3184', behaviour: { do: 'requires_action' } },
  authenticationRequiredOnSetup: { last4: '3155', behaviour: { do: 'requires_action' } },
  threeDSecure2Required: { last4: '3220', behaviour: { do: 'requires_action' } },
  threeDSecureRequired: { last4: '3063', behaviour: { do: 'requires_action' } },
  authenticationRequiredChargeDeclinedInsufficientFunds: {
    last4: '3178',
    behaviour: { do: 'decline', decline_code: 'insufficient_funds' },
  },
};

/** Bank debits are `processing` at first; Stripe's test mode settles them by itself, here after two seconds. */
const BANK_ACCOUNTS: Record<string, { last4: string; code?: string; settles: boolean }> = {
  success: { last4: '6789', settles: true },
  accountClosed: { last4: '1113', code: 'account_closed', settles: true },
  noAccount: { last4: '1116', code: 'no_account', settles: true },
  insufficientFunds: { last4: '2227', code: 'insufficient_funds', settles: true },
  debitNotAuthorized: { last4: '3335', code: 'debit_not_authorized', settles: true },
  invalidCurrency: { last4: '4440', code: 'invalid_currency', settles: true },
  processing: { last4: '0009', settles: false },
};
const BANK_SETTLES_AFTER_MS = 2000;

/** `undefined`: Stripe documents no such test payment method. */
export function testMethod(id: string): TestMethod | undefined {
  const card = /^pm_card_(.+)$/.exec(id)?.[1];
  if (card !== undefined) return testCard(card);
  const bank = /^pm_usBankAccount_(.+)$/.exec(id)?.[1];
  return bank === undefined ? undefined : testBankAccount(bank);
}

function testCard(name: string): TestMethod | undefined {
  const base: TestMethod = {
    type: 'card',
    brand: 'visa',
    last4: '4242',
    country: 'US',
    funding: 'credit',
    behaviour: approve,
    refusesAttach: false,
  };
  const approvedCard = ownEntry(APPROVED_CARDS, name);
  if (approvedCard !== undefined) return { ...base, ...approvedCard };
  // Cards by country: `pm_card_de` and so on.
  if (/^[a-z]{2}$/.test(name)) return { ...base, country: name.toUpperCase() };
  const declinedWhenCharged = ownEntry(DECLINED_WHEN_CHARGED, name);
  if (declinedWhenCharged !== undefined) return { ...base, ...declinedWhenCharged };
  const declined = ownEntry(DECLINED_CARDS, name.replace(/^visa_/, ''));
  if (declined === undefined) return undefined;
  const { last4, ...codes } = declined;
  return { ...base, last4, behaviour: { do: 'decline', ...codes }, refusesAttach: true };
}

function testBankAccount(name: string): TestMethod | undefined {
  const account = ownEntry(BANK_ACCOUNTS, name);
  if (account === undefined) return undefined;
  const behaviour: Step = { do: 'processing' };
  if (account.code !== undefined) behaviour.code = account.code;
  if (account.settles) {
    const outcome = account.code === undefined ? 'succeeded' : 'failed';
    behaviour.settle = { after_ms: BANK_SETTLES_AFTER_MS, outcome };
  }
  return {
    type: 'us_bank_account',
    brand: 'STRIPE TEST BANK',
    last4: account.last4,
    country: 'US',
    funding: 'debit',
    behaviour,
    refusesAttach: false,
  };
}

function ownEntry<T>(table: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
