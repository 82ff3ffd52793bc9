import fc from 'fast-check';
import { expect, test } from 'vitest';
import { amountForStripe, amountFromStripe } from './amounts.ts';

test.each([
  [1250, 'USD', 1250],
  [1250, 'JPY', 1250],
  [5, 'ISK', 500],
  [5, 'UGX', 500],
  [500, 'MGA', 5],
  [1250, 'HUF', 1250],
  [1250, 'TWD', 1250],
  [5120, 'KWD', 5120],
  [10, 'BHD', 10],
  [10, 'JOD', 10],
  [10, 'OMR', 10],
  [10, 'TND', 10],
])('%i minor units of %s convert to %i at Stripe and back', (minor, currency, amount) => {
  expect(amountForStripe(minor, currency)).toBe(amount);
  expect(amountForStripe(minor, currency.toLowerCase())).toBe(amount);
  expect(amountFromStripe(amount, currency)).toBe(minor);
  expect(amountFromStripe(amount, currency.toLowerCase())).toBe(minor);
});

test.each([
  [550, 'MGA'],
  [5124, 'KWD'],
  [1, 'BHD'],
  [Number.MAX_SAFE_INTEGER, 'ISK'],
])('%i minor units of %s cannot be represented at Stripe', (minor, currency) => {
  expect(amountForStripe(minor, currency)).toBeUndefined();
});

test('every representable amount survives the round trip', () => {
  const currency = fc.constantFrom('USD', 'JPY', 'ISK', 'UGX', 'MGA', 'KWD', 'TND');
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 99_999_999 }), currency, (minor, code) => {
      const amount = amountForStripe(minor, code);
      if (amount !== undefined) expect(amountFromStripe(amount, code)).toBe(minor);
    }),
  );
});
