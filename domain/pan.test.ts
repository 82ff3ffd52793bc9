import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findCardNumber, findCardNumbersIn, isIdField } from './pan.ts';

/** Public test numbers of the processors: issuer, number. */
const TEST_CARDS: [string, string][] = [
  ['visa', '4242424242424242'],
  ['visa debit', '4000056655665556'],
  ['visa with 13 digits', '4222222222222'],
  ['mastercard', '5555555555554444'],
  ['mastercard, 2 series', '2223003122003222'],
  ['american express', '378282246310005'],
  ['discover', '6011111111111117'],
  ['diners', '30569309025904'],
  ['diners with 16 digits', '3056930009020004'],
  ['jcb', '3566002020360505'],
  ['unionpay', '6200000000000005'],
  ['unionpay with 19 digits', '6205500000000000004'],
  ['maestro', '6759649826438453'],
];

const cardNumber = fc
  .record({
    lead: fc.constantFrom('4', '51', '55', '2221', '2720', '6011', '65', '3528'),
    rest: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 15, maxLength: 15 }),
  })
  .map(({ lead, rest }) => withCheckDigit(`${lead}${rest.join('')}`.slice(0, 15)));

function withCheckDigit(payload: string): string {
  const sum = [...payload].reverse().reduce((total, digit, place) => {
    const weighted = Number(digit) * (place % 2 === 0 ? 2 : 1);
    return total + Math.floor(weighted / 10) + (weighted % 10);
  }, 0);
  return `${payload}${(10 - (sum % 10)) % 10}`;
}

describe('a full card number is detected', () => {
  test.each(TEST_CARDS)('%s', (_issuer, digits) => {
    expect(findCardNumber(digits)).toEqual({ start: 0, end: digits.length });
  });

  test.each([
    ['4242 4242 4242 4242'],
    ['4242-4242-4242-4242'],
    ['4242\u00a04242\u00a04242\u00a04242'],
    ['4242\u20134242\u20134242\u20134242'],
    ['4242 - 4242 - 4242 - 4242'],
    ['4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2'],
    ['3782 822463 10005'],
    // Groups that look like a date.
    ['6200-00-00-0000-0005'],
    ['4111-11-11-1111-1111'],
    ['4111-1111-1111-11-11'],
    ['4-2222-22-22-22-22'],
    ['40-2000-01-01-000006'],
  ])('grouped: %s', (text) => {
    expect(findCardNumber(text)).toEqual({ start: 0, end: text.length });
  });

  test.each([
    ['full-width', '４２４２４２４２４２４２４２４２'],
    ['full-width, with their own space and dash', '４２４２　４２４２－４２４２　４２４２'],
    ['Arabic-Indic', '٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢'],
    ['Persian', '۴۲۴۲ ۴۲۴۲ ۴۲۴۲ ۴۲۴۲'],
    ['mathematical', '𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐'],
    ['circled', '④②④②④②④②④②④②④②④②'],
    ['mixed with ASCII', '4242４２４２4242４２４２'],
    ['separated by invisible characters', '4242\u200b4242\u00ad4242\u20604242'],
  ])('%s digits', (_form, digits) => {
    const found = findCardNumber(`Ümlaut ${digits}.`);
    expect(found).toEqual({ start: 7, end: 7 + digits.length });
  });

  test.each([
    ['call me on +49 151 12345678 about 4242 4242 4242 4242', '4242 4242 4242 4242'],
    ['order 12 4242424242424242 of 2026-04-18', '4242424242424242'],
    ['card4242424242424242,cvc', '4242424242424242'],
    ['(5555 5555 5555 4444)', '5555 5555 5555 4444'],
    ['no.4242424242424242', '4242424242424242'],
    ['version 1.2.4242424242424242', '4242424242424242'],
    ['item 5.4242 4242 4242 4242', '4242 4242 4242 4242'],
    ['4242424242424242.00', '4242424242424242'],
    ['4242424242424242@shop.example', '4242424242424242'],
    ['4222222222222 @shop', '4222222222222'],
  ])('inside a text: %s', (text, digits) => {
    const found = findCardNumber(text);
    expect(text.slice(found?.start, found?.end)).toBe(digits);
  });

  test('any valid number of a known issuer, in any grouping', () => {
    fc.assert(
      fc.property(
        cardNumber,
        fc.constantFrom('', ' ', '-', '\u00a0'),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 16, maxLength: 16 }),
        (digits, separator, sizes) => {
          const groups: string[] = [];
          for (let at = 0, n = 0; at < digits.length; n += 1) {
            const size = sizes[n] ?? 1;
            groups.push(digits.slice(at, at + size));
            at += size;
          }
          expect(findCardNumber(`x: ${groups.join(separator)}.`)).toBeDefined();
        },
      ),
    );
  });
});

describe('other text is not taken for a card number', () => {
  test.each([
    ['a wrong check digit', '4242424242424241'],
    ['an unknown issuer', '9999999999999995'],
    ['too few digits', '42424242424'],
    ['part of a longer number', '99994242424242424242'],
    ['a date and a time', '2026-04-18T10:00:00.000Z'],
    ['a date before a number', '2026-04-30 123456789019'],
    ['a range of dates', '2026-04-18 - 2026-05-18'],
    ['an E.164 phone', '+4915112345675'],
    ['an E.164 phone that passes Luhn in an issuer range', '+378282246310005'],
    ['a token', 'pm_4242424242424242'],
    ['a UUID of digits', '42424242-4242-4242-8242-424242424242'],
    ['a hash', '9f86d081884c7d659a2f4242424242424242c55ad015a3bf4f1b2b0b822cd15d6c15'],
    ['an amount', '1,234,567,890.00'],
    ['a measurement', '0.4242424242424242'],
    ['a measurement among others', '[12.378282246310005,-0.4242424242424242e-3]'],
    ['an e-mail address that is a phone number', '4917612345679@provider.example'],
    ['last four', '4242'],
  ])('%s: %s', (_what, text) => {
    expect(findCardNumber(text)).toBeUndefined();
  });

  test('UUIDs, times and gateway tokens never match', () => {
    const token = fc
      .tuple(fc.constantFrom('pi_', 'pm_', 'ch_', 'cus_', 'seti_'), fc.stringMatching(/^[A-Za-z0-9]{14,24}$/))
      .map((parts) => parts.join(''));
    const time = fc
      .date({ min: new Date(0), max: new Date('2199-12-31'), noInvalidDate: true })
      .map((date) => date.toISOString());
    fc.assert(
      fc.property(fc.oneof(fc.uuid(), token, time), (text) => {
        expect(findCardNumber(text)).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });

  test('a card number with one wrong digit is never detected', () => {
    fc.assert(
      fc.property(cardNumber, fc.nat(15), fc.integer({ min: 1, max: 9 }), (digits, place, change) => {
        const wrong = (Number(digits[place]) + change) % 10;
        expect(findCardNumber(`${digits.slice(0, place)}${wrong}${digits.slice(place + 1)}`)).toBeUndefined();
      }),
    );
  });
});

describe('in an object', () => {
  test('every affected field is reported by its path; ids are skipped', () => {
    const paths = findCardNumbersIn({
      payment_id: '4242424242424242',
      gateway_customer_ref: '4242424242424242',
      description: 'card 4242 4242 4242 4242',
      payment_method_details: { token: '5555555555554444', last_four: '4444' },
      digital_identifiers: [{ value: 'a@b.example' }, { value: '4242-4242-4242-4242' }],
      behavioral_data_snapshot: { typed: 4242424242424242, '4242424242424242': 1 },
    });
    expect(paths.sort()).toEqual([
      'behavioral_data_snapshot',
      'behavioral_data_snapshot.typed',
      'description',
      'digital_identifiers[1].value',
      'payment_method_details.token',
    ]);
  });

  test('a security code is detected by its field name', () => {
    expect(
      findCardNumbersIn({ card: { cvc: '123' }, cvv: 9876, code: '123', cvc_check: 'pass' }).sort(),
    ).toEqual(['card.cvc', 'cvv']);
  });

  test('values are checked at any depth', () => {
    let nested: unknown = '4242424242424242';
    for (let depth = 0; depth < 20_000; depth += 1) nested = [nested];
    expect(findCardNumbersIn(nested)).toHaveLength(1);
  });

  test('id fields are id and those that end in _id or _ref', () => {
    expect(['id', 'event_id', 'gateway_payment_ref'].every(isIdField)).toBe(true);
    expect(['token', 'fingerprint', 'paid', 'href'].some(isIdField)).toBe(false);
  });
});
