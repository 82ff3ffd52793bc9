/** Stripe's rules for currencies (docs.stripe.com/currencies, docs.stripe.com/payments/payment-methods/payment-method-support). */

import { invalidParameter } from './errors.ts';

const CURRENCIES_OF_TYPE: Record<string, string[]> = {
  us_bank_account: ['usd'],
  sepa_debit: ['eur'],
  bacs_debit: ['gbp'],
  acss_debit: ['cad', 'usd'],
  au_becs_debit: ['aud'],
  nz_bank_account: ['nzd'],
  cashapp: ['usd'],
};
/** Stripe charges no fractions in these, although their minor unit is a hundredth. */
const NO_FRACTION_CURRENCIES = ['isk', 'ugx'];
/** Three decimals, the last of which must be 0. */
const THREE_DECIMAL_CURRENCIES = ['bhd', 'jod', 'kwd', 'omr', 'tnd'];

/** One type that does not support the currency fails the whole request, whichever method it names. */
export function assertTypesSupportCurrency(currency: string, types: readonly string[]): void {
  for (const type of types) {
    const supported = CURRENCIES_OF_TYPE[type];
    if (supported === undefined || supported.includes(currency)) continue;
    throw invalidParameter(
      'payment_method_types',
      `The currency provided (${currency}) is invalid for one or more payment method types on this PaymentIntent. The payment method type ${type} only supports the following currencies: ${supported.join(', ')}.`,
      'payment_intent_invalid_parameter',
    );
  }
}

export function assertChargeableAmount(amount: number, currency: string): void {
  const step = NO_FRACTION_CURRENCIES.includes(currency)
    ? 100
    : THREE_DECIMAL_CURRENCIES.includes(currency)
      ? 10
      : 1;
  if (amount % step === 0) return;
  throw invalidParameter(
    'amount',
    `Invalid amount: amounts in ${currency} must be evenly divisible by ${step}.`,
  );
}
