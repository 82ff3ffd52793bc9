import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { currencyExponent, decimalFromMinor, formatMoney, isCurrency, minorFromDecimal } from './money.ts';

test.each([
  ['JPY', 0],
  ['KRW', 0],
  ['ISK', 0],
  ['EUR', 2],
  ['HUF', 2],
  ['MGA', 2],
  ['IQD', 3],
  ['KWD', 3],
  ['CLF', 4],
])('%s has %i decimals', (currency, exponent) => {
  expect(currencyExponent(currency)).toBe(exponent);
});

test.each([['eur'], ['EURO'], ['XAU'], ['XTS'], ['XXX'], ['DEM'], [''], ['__proto__']])(
  '%j is not a currency code',
  (code) => {
    expect(isCurrency(code)).toBe(false);
    expect(() => currencyExponent(code)).toThrow(RangeError);
  },
);

describe('decimals', () => {
  test.each([
    [1250, 'EUR', '12.50'],
    [5, 'EUR', '0.05'],
    [0, 'EUR', '0.00'],
    [-5, 'KWD', '-0.005'],
    [1250, 'JPY', '1250'],
    [9007199254740991, 'USD', '90071992547409.91'],
    [12345678901234567890n, 'USD', '123456789012345678.90'],
  ])('%s %s = %s', (minor, currency, text) => {
    expect(decimalFromMinor(minor, currency)).toBe(text);
  });

  test('converting to a decimal and back yields the same amount', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.constantFrom('JPY', 'EUR', 'KWD', 'CLF'), (minor, currency) => {
        expect(minorFromDecimal(decimalFromMinor(minor, currency), currency)).toBe(minor);
      }),
    );
  });

  test.each([
    ['12.5', 'EUR', 1250],
    ['12', 'EUR', 1200],
    ['-0', 'EUR', 0],
  ])('reads %s %s as %i', (text, currency, minor) => {
    expect(minorFromDecimal(text, currency)).toBe(minor);
  });

  test.each([
    ['12.505', 'EUR'],
    ['1.5', 'JPY'],
    ['1,50', 'EUR'],
    ['1e3', 'EUR'],
    ['.5', 'EUR'],
    ['', 'EUR'],
    ['99999999999999999', 'EUR'],
  ])('refuses %j %s', (text, currency) => {
    expect(minorFromDecimal(text, currency)).toBeUndefined();
  });
});

test.each([
  [1250, 'EUR', 'en', '€12.50'],
  [1250, 'EUR', 'de-DE', '12,50\u00a0€'],
  [1250, 'JPY', 'en', '¥1,250'],
  [1250, 'KWD', 'en', 'KWD\u00a01.250'],
  [123456, 'IQD', 'en', 'IQD\u00a0123.456'],
  [1999, 'USD', 'not a locale', '$19.99'],
  [9007199254740991, 'USD', 'en', '$90,071,992,547,409.91'],
])('%i %s in %s is formatted as %s', (minor, currency, locale, text) => {
  expect(formatMoney(minor, currency, locale)).toBe(text);
});
