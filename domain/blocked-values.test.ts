import { describe, expect, test } from 'vitest';
import { isBlocked } from './blocked-values.ts';

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
    ['device_fingerprint', '--'],
    ['device_fingerprint', '0x0000'],
  ] as const)('%s %j is blocked', (kind, value) => {
    expect(isBlocked(kind, value, policy)).toBe(true);
  });

  test.each([
    ['email', 'anna@example.com'],
    ['email', 'testa@example.com'],
    ['email', 'not an address'],
    ['email', 'a@null.example'],
    ['email', 'noreply@example.com'],
    ['phone_number', '+18888888888'],
    ['phone_number', '+4915112345678'],
    ['device_fingerprint', 'fp-9f86d081884c'],
    ['device_fingerprint', '00000001'],
  ] as const)('%s %j is not blocked', (kind, value) => {
    expect(isBlocked(kind, value, policy)).toBe(false);
  });

  test('a dot or a plus in the policy matches only itself', () => {
    expect(isBlocked('email', 'axb@example.com', ['a.b@example.com'])).toBe(false);
    expect(isBlocked('email', 'a.b+c@example.com', ['a.b+c@*'])).toBe(true);
  });
});
