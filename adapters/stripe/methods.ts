/** Maps Stripe's payment methods to Persona's. */

import type { Stripe } from 'stripe';
import type { Network, PaymentMethodType } from '../../domain/payment-method.ts';
import type { GatewayPaymentMethod } from '../../domain/ports.ts';

const CARD_NETWORKS: Readonly<Record<string, Network>> = {
  visa: 'visa',
  mastercard: 'mastercard',
  amex: 'amex',
  discover: 'discover',
  diners: 'diners',
  jcb: 'jcb',
  unionpay: 'unionpay',
};
const RAILS: Readonly<Record<string, Network>> = { us_bank_account: 'ach', sepa_debit: 'sepa' };

/** The details that types have in common, under Stripe's names. */
interface Details {
  brand?: string;
  bank_name?: string | null;
  last4?: string | null;
  exp_month?: number;
  exp_year?: number;
  fingerprint?: string | null;
  funding?: string;
  country?: string | null;
  wallet?: object | null;
}

export function methodOf(method: Stripe.PaymentMethod): GatewayPaymentMethod {
  const details = detailsOf(method);
  const customer = typeof method.customer === 'string' ? method.customer : method.customer?.id;
  return {
    token: method.id,
    type: typeOf(method, details),
    gateway_type: method.type,
    ...ifPresent('gateway_customer_ref', customer),
    ...ifPresent('brand', details.brand ?? details.bank_name),
    ...ifPresent('network', networkOf(method)),
    ...ifPresent('last_four', details.last4),
    ...ifPresent('expiry_month', details.exp_month),
    ...ifPresent('expiry_year', details.exp_year),
    ...ifPresent('funding', details.funding),
    ...ifPresent('country', details.country),
    ...ifPresent('instrument_fingerprint', details.fingerprint),
  };
}

/** The network whose rules apply to the method, or to a charge's copy of its details; `undefined`: no rules for it. */
export function networkOf(method: { type: string }): Network | undefined {
  return RAILS[method.type] ?? CARD_NETWORKS[detailsOf(method).brand ?? ''];
}

function detailsOf(method: { type: string }): Details {
  return (method as unknown as Record<string, Details | null | undefined>)[method.type] ?? {};
}

/** A card in Apple Pay or Google Pay is a digital wallet to the customer; debited accounts are bank accounts. */
function typeOf(method: Stripe.PaymentMethod, details: Details): PaymentMethodType {
  if (method.type === 'card') return details.wallet == null ? 'card' : 'digital_wallet';
  return /_(debit|bank_account)$/.test(method.type) ? 'bank_account' : 'digital_wallet';
}

function ifPresent<K extends string, V>(name: K, value: V | null | undefined): { [P in K]?: V } {
  return value == null ? {} : ({ [name]: value } as { [P in K]?: V });
}
