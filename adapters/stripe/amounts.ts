/**
 * Amounts in Stripe's own units (docs.stripe.com/currencies), which differ from ISO 4217's minor units in a few
 * currencies. Every amount that is sent to Stripe or read there passes through here.
 */

/** Without decimals by ISO, counted in hundredths by Stripe: 5 ISK are 500. */
const STRIPE_TWO_DECIMAL = ['ISK', 'UGX'];
/** Two decimals by ISO, none at Stripe: 5.00 MGA are 5. */
const STRIPE_ZERO_DECIMAL = ['MGA'];
/** Three decimals by both, but the last digit must be 0. */
const STRIPE_THREE_DECIMAL = ['BHD', 'JOD', 'KWD', 'OMR', 'TND'];

/**
 * @param minor - ISO 4217 minor units
 * @returns `undefined`: Stripe has no such amount, and another one must not be charged instead
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
