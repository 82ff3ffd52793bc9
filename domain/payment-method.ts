/** Payment methods: their statuses and which change of status is legal (specification: graph, 'Payment method status'). */

export const PAYMENT_METHOD_TYPES = ['card', 'digital_wallet', 'bank_account'] as const;
export type PaymentMethodType = (typeof PAYMENT_METHOD_TYPES)[number];

export const PAYMENT_METHOD_STATUSES = [
  'unverified',
  'active',
  'failed',
  'expired',
  'inactive',
  'compromised',
] as const;
export type PaymentMethodStatus = (typeof PAYMENT_METHOD_STATUSES)[number];

/** Why a customer cannot have a new method; types of the error catalogue. */
export type MethodRefusal = 'payment_method_declined' | 'token_belongs_to_other_customer';

/**
 * Where each status may go. `compromised` leaves only through `cleared` of the same fraud case, which restores what
 * was before and does not ask this table.
 */
const TRANSITIONS: Readonly<Record<PaymentMethodStatus, readonly PaymentMethodStatus[]>> = {
  unverified: ['active', 'failed', 'inactive', 'expired', 'compromised'],
  active: ['failed', 'expired', 'inactive', 'compromised'],
  failed: ['active', 'inactive', 'compromised', 'expired'],
  expired: ['active', 'inactive', 'compromised'],
  inactive: ['active', 'compromised'],
  compromised: [],
};

/** `same`: already there, a no-op without an event. */
export function transition(from: PaymentMethodStatus, to: PaymentMethodStatus): 'legal' | 'same' | 'illegal' {
  if (from === to) return 'same';
  return TRANSITIONS[from].includes(to) ? 'legal' : 'illegal';
}

/** Customers never learn that a card is `compromised`: they see it as `inactive`. */
export function statusShownToCustomer(status: PaymentMethodStatus): PaymentMethodStatus {
  return status === 'compromised' ? 'inactive' : status;
}

/** The last day on which a card is good, as `YYYY-MM-DD`: the last day of its month. */
export function expiresOn(month: number, year: number): string {
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return `${year}-${String(month).padStart(2, '0')}-${String(lastDay).padStart(2, '0')}`;
}

/** Is the card past its last day everywhere on earth (UTC−12)? `expiresOn` as `YYYY-MM-DD`, `now` in epoch milliseconds. */
export function isExpired(expiresOnDate: string, now: number): boolean {
  const endOfDayUtc = Date.parse(`${expiresOnDate}T00:00:00Z`) + 24 * 3_600_000;
  return now >= endOfDayUtc + 12 * 3_600_000;
}

const BRANDS = 'visa|mastercard|amex|discover|diners|jcb|unionpay|[a-z]{2}';
const FAILURE_MODES = '(?:charge|authentication|threeDSecure|riskLevel|radar|cvc|avs)[A-Za-z0-9]*';
const TEST_METHOD = new RegExp(
  `^pm_(?:card_(?:(?:${BRANDS})(?:_(?:debit|prepaid|${FAILURE_MODES}))?|${FAILURE_MODES})|usBankAccount_[A-Za-z]+)$`,
);

/**
 * Is the token one of the test methods that Stripe documents (`pm_card_visa`)? It names a kind of method and is nobody's:
 * attached to a customer, it becomes a method of its own. In live mode there is none.
 */
export function isTestMethod(token: string): boolean {
  return TEST_METHOD.test(token);
}

/** Which network's rules a method falls under. */
export const NETWORKS = [
  'visa',
  'mastercard',
  'amex',
  'discover',
  'diners',
  'jcb',
  'unionpay',
  'ach',
  'sepa',
] as const;
export type Network = (typeof NETWORKS)[number];
