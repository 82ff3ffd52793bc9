import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normaliseEmail, normalisePhone } from './identity.ts';

describe('normaliseEmail', () => {
  test.each([
    ['  Anna.Berg@Example.COM ', 'anna.berg@example.com'],
    ['first.last+tag@gmail.com', 'first.last+tag@gmail.com'],
    ['FirstLast@gmail.com', 'firstlast@gmail.com'],
    ['info@Bücher.de', 'info@xn--bcher-kva.de'],
    ['info@xn--bcher-kva.de', 'info@xn--bcher-kva.de'],
    ['jose\u0301@example.com', 'jos\u00e9@example.com'],
    ["o'neil@example.co.uk", "o'neil@example.co.uk"],
    ['an\u200bna@exam\u00adple.com\u200e', 'anna@example.com'],
  ])('%s → %s', (given, value) => {
    expect(normaliseEmail(given)).toEqual({ ok: true, value });
  });

  test.each([
    [''],
    ['anna'],
    ['@example.com'],
    ['anna@'],
    ['anna@localhost'],
    ['anna@@example.com'],
    ['anna berg@example.com'],
    ['anna@exa mple.com'],
    ['anna@1.2.3.4'],
    ['anna@[::1]'],
    ['anna@ex%41mple.com'],
    ['anna@-example.com'],
    ['anna@example..com'],
    ['.anna@example.com'],
    ['an..na@example.com'],
    ['anna\u0000@example.com'],
    ['Anna <anna@example.com>'],
    [`${'a'.repeat(65)}@example.com`],
    [`${'é'.repeat(33)}@example.com`],
    [`anna@${'a'.repeat(63)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.com`],
  ])('refuses %j', (given) => {
    expect(normaliseEmail(given)).toMatchObject({ ok: false });
  });

  const anyLocalPart = fc.string({ unit: 'grapheme' }).map((text) => `${text}@Ünï.example`);

  test('accepts every address of RFC 5322 in its usual form', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (given) => {
        expect(normaliseEmail(given)).toMatchObject({ ok: true });
      }),
    );
  });

  test('normalising twice gives the same address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.emailAddress(), anyLocalPart), (given) => {
        const once = normaliseEmail(given);
        fc.pre(once.ok);
        expect(normaliseEmail(once.value)).toEqual(once);
      }),
    );
  });

  test('a refusal gives a problem and no value', () => {
    fc.assert(
      fc.property(anyLocalPart, (given) => {
        const refused = normaliseEmail(given.replace('@', ' @ '));
        expect(refused).toEqual({ ok: false, problem: expect.stringMatching(/^(must|has|is) /) });
      }),
    );
  });
});

describe('normalisePhone', () => {
  test.each([
    ['+49 151 12345678', undefined, '+4915112345678'],
    ['+49 (0)151 12345678', undefined, '+4915112345678'],
    ['0151 12345678', 'de', '+4915112345678'],
    ['(415) 555-0132', 'US', '+14155550132'],
    ['+15551234567', undefined, '+15551234567'],
    [' +44 20 7946 0958 ', undefined, '+442079460958'],
    ['\u202a+49 151\u20111234\u20135678\u202c', undefined, '+4915112345678'],
  ])('%s (%s) → %s', (given, region, value) => {
    expect(normalisePhone(given, region)).toEqual({ ok: true, value });
  });

  test.each([
    ['', undefined],
    ['0151 12345678', undefined],
    ['+49', undefined],
    ['+999123456789', undefined],
    ['call +4915112345678', undefined],
    ['+4915112345678 ext 5', undefined],
    ['12', 'DE'],
    ['0151 12345678', 'XX'],
  ])('refuses %j (%s)', (given, region) => {
    expect(normalisePhone(given, region)).toMatchObject({ ok: false });
  });
});
