import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isBlocked, normaliseEmail, normalisePhone } from './identity.ts';

describe('normaliseEmail', () => {
  test.each([
    ['  Anna.Berg@Example.COM ', 'anna.berg@example.com'],
    ['first.last+tag@gmail.com', 'first.last+tag@gmail.com'],
    ['FirstLast@gmail.com', 'firstlast@gmail.com'],
    ['info@Bücher.de', 'info@xn--bcher-kva.de'],
    ['info@xn--bcher-kva.de', 'info@xn--bcher-kva.de'],
    ['jose\u0301@example.com', 'jos\u00e9@example.com'],
    ["o'neil@example.co.uk", "o'neil@example.co.uk"],
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

  test('what it gives, it gives back unchanged', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.emailAddress(),
          fc.string({ unit: 'grapheme' }).map((text) => `${text}@Ünï.example`),
        ),
        (given) => {
          const once = normaliseEmail(given);
          if (once.ok) expect(normaliseEmail(once.value)).toEqual(once);
        },
      ),
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

describe('isBlocked', () => {
  const policy = ['test@*', '*@mailinator.com', 'noreply', '+15550000000'];

  test.each([
    ['email', ''],
    ['email', '   '],
    ['email', 'null'],
    ['email', 'null@example.com'],
    ['email', 'Anonymous@example.com'],
    ['email', '000@example.com'],
    ['email', 'TEST@example.com'],
    ['email', 'anna@mailinator.com'],
    ['email', 'noreply'],
    ['phone_number', '+15550000000'],
    ['phone_number', '+490000000'],
    ['phone_number', '000 000 000'],
    ['device_fingerprint', '00000000-0000-0000-0000-000000000000'],
    ['device_fingerprint', 'ffffffffffffffff'],
    ['device_fingerprint', 'undefined'],
    ['device_fingerprint', '0x0000'],
  ] as const)('%s %j is blocked', (kind, value) => {
    expect(isBlocked(kind, value, policy)).toBe(true);
  });

  test.each([
    ['email', 'anna@example.com'],
    ['email', 'testa@example.com'],
    ['email', 'a@null.example'],
    ['email', 'noreply@example.com'],
    ['phone_number', '+18888888888'],
    ['phone_number', '+4915112345678'],
    ['device_fingerprint', 'fp-9f86d081884c'],
    ['device_fingerprint', '00000001'],
  ] as const)('%s %j is not', (kind, value) => {
    expect(isBlocked(kind, value, policy)).toBe(false);
  });

  test('a dot or a plus in the policy is only itself', () => {
    expect(isBlocked('email', 'axb@example.com', ['a.b@example.com'])).toBe(false);
    expect(isBlocked('email', 'a.b+c@example.com', ['a.b+c@*'])).toBe(true);
  });
});
