import { expect, test } from 'vitest';
import {
  expiresOn,
  isExpired,
  isTestMethod,
  PAYMENT_METHOD_STATUSES,
  statusShownToCustomer,
  transition,
} from './payment-method.ts';

test.each([
  ['pm_card_visa', true],
  ['pm_card_visa_debit', true],
  ['pm_card_mastercard_prepaid', true],
  ['pm_card_de', true],
  ['pm_card_chargeDeclined', true],
  ['pm_card_visa_chargeDeclinedInsufficientFunds', true],
  ['pm_card_authenticationRequiredOnSetup', true],
  ['pm_card_threeDSecure2Required', true],
  ['pm_card_avsZipFail', true],
  ['pm_usBankAccount_success', true],
  ['pm_1NxYzK2eZvKYlo2C', false],
  ['pm_card_anna', false],
  ['pm_card_visa_1', false],
  ['pm_card_1', false],
  ['card_visa', false],
  ['tok_visa', false],
])('%s is a test method of the gateway: %s', (token, expected) => {
  expect(isTestMethod(token)).toBe(expected);
});

test('a customer sees every status as it is, except a compromised method, which is inactive', () => {
  expect(PAYMENT_METHOD_STATUSES.map(statusShownToCustomer)).toEqual(
    PAYMENT_METHOD_STATUSES.map((status) => (status === 'compromised' ? 'inactive' : status)),
  );
});

test.each([
  [11, 2026, '2026-11-30'],
  [12, 2026, '2026-12-31'],
  [2, 2027, '2027-02-28'],
  [2, 2028, '2028-02-29'],
  [2, 2100, '2100-02-28'],
])('a card that expires in %s/%s is valid until %s', (month, year, last) => {
  expect(expiresOn(month, year)).toBe(last);
});

test.each([
  ['2026-11-30', '2026-11-30T23:59:59.999Z', false],
  ['2026-11-30', '2026-12-01T11:59:59.999Z', false],
  ['2026-11-30', '2026-12-01T12:00:00.000Z', true],
  ['2026-11-30', '2026-11-30T23:59:59.999-12:00', false],
  ['2026-11-30', '2026-12-01T00:00:00.000-12:00', true],
  ['2026-11-30', '2026-12-01T14:00:00.000+14:00', false],
  ['2026-12-31', '2027-01-01T11:59:59.999Z', false],
  ['2028-02-29', '2028-03-01T12:00:00.000Z', true],
])('a card that is valid until %s has, at %s, expired: %s', (last, now, expected) => {
  expect(isExpired(last, Date.parse(now))).toBe(expected);
});

test.each([
  ['active', 'active', 'same'],
  ['compromised', 'compromised', 'same'],
  ['unverified', 'active', 'legal'],
  ['active', 'unverified', 'illegal'],
  ['failed', 'expired', 'legal'],
  ['expired', 'failed', 'illegal'],
  ['inactive', 'expired', 'illegal'],
  ['compromised', 'active', 'illegal'],
] as const)('from %s to %s is %s', (from, to, expected) => {
  expect(transition(from, to)).toBe(expected);
});
