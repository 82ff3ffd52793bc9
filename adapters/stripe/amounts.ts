/**
 * Amounts in Stripe's units (docs.stripe.com/currencies), which differ from ISO 4217 minor units in a few currencies.
 * Every amount sent to or read from Stripe is converted here.
 */

/** Zero decimals in ISO 4217, two at Stripe: 5 ISK are 500. */
const STRIPE_TWO_DECIMAL = ['ISK', 'UGX'];
/** Two decimals in ISO 4217, none at Stripe: 5.00 MGA are 5. */
const STRIPE_ZERO_DECIMAL = ['MGA'];
/** Three decimals in both, but Stripe requires the last digit to be 0. */
const STRIPE_THREE_DECIMAL = ['BHD', 'JOD', 'KWD', 'OMR', 'TND'];

/**
 * @param minor - ISO 4217 minor units
 * @returns `undefined`: Stripe cannot represent the amount, and it must not be rounded
 */
export function amountForStripe(minor: number, currency: string): number | undefined {
  const code = currency.toUpperCase();
  const amount = STRIPE_TWO_DECIMAL.includes(code)
    ? minor * 100
    : STRIPE_ZERO_DECIMAL.includes(code)
      ? minor / 100
      : minor;
  const divisible = !STRIPE_THREE_DECIMAL.includes(code) || amount % 10 === 0;
  return divisible && Number.isSafeInteger(amount) ? amount : undefined;
}

/** @returns ISO 4217 minor units */
export function amountFromStripe(amount: number, currency: string): number {
  const code = currency.toUpperCase();
  if (STRIPE_TWO_DECIMAL.includes(code)) return amount / 100;
  return STRIPE_ZERO_DECIMAL.includes(code) ? amount * 100 : amount;
}
