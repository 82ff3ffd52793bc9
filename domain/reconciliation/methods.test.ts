import { expect, test } from 'vitest';
import type { GatewayPaymentMethod } from '../ports.ts';
import { classifyAttachment, compareMethod, type StoredMethod, isVerificationOverdue } from './methods.ts';
import { isAttachedToOtherCustomer, isQuarantined, MISMATCHES } from './mismatches.ts';

const OWNER = 'cus_1';
const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-22T12:00:00Z');
const ago = (ms: number) => new Date(NOW - ms).toISOString();
const stored: StoredMethod = {
  payment_method_id: 'm',
  type: 'card',
  status: 'active',
  brand: 'visa',
  network: 'visa',
  last_four: '4242',
  expiry_month: 8,
  expiry_year: 2029,
  funding: 'credit',
  country: 'US',
  gateway_type: 'card',
  instrument_fingerprint: 'fp_1',
  gateway_mismatch: null,
  expiry_wanted_at: null,
};
const found: GatewayPaymentMethod = {
  token: 'pm_1',
  type: 'card',
  gateway_type: 'card',
  gateway_customer_ref: OWNER,
  brand: 'visa',
  network: 'visa',
  last_four: '4242',
  expiry_month: 8,
  expiry_year: 2029,
  funding: 'credit',
  country: 'US',
  instrument_fingerprint: 'fp_1',
};
const { gateway_customer_ref: _, ...unattached } = found;
const { instrument_fingerprint: __, ...withoutFingerprint } = found;

test.each<[string, Partial<StoredMethod>, GatewayPaymentMethod | undefined, object]>([
  ['no difference', {}, found, { is: 'same' }],
  [
    'a field missing at the gateway is no difference',
    {},
    { token: 'pm_1', type: 'card', gateway_customer_ref: OWNER },
    { is: 'same' },
  ],
  [
    'a digital wallet’s card, which the gateway reports as a card',
    { type: 'digital_wallet' },
    found,
    { is: 'same' },
  ],
  ['a method that is being verified', { status: 'unverified' }, undefined, { is: 'same' }],
  ['a different expiry date', {}, { ...found, expiry_year: 2025 }, { is: 'newer', fields: ['expiry_year'] }],
  [
    'a card that was replaced',
    {},
    { ...found, last_four: '1881', instrument_fingerprint: 'fp_2' },
    { is: 'newer', fields: ['last_four', 'instrument_fingerprint'] },
  ],
  ['last digits that were unknown', { last_four: null }, found, { is: 'newer', fields: ['last_four'] }],
  ['a detached method', {}, unattached, { is: 'detached' }],
  ['a method unknown at the gateway', {}, undefined, { is: 'mismatch', mismatch: 'unknown_there' }],
  [
    'a method of another gateway customer',
    {},
    { ...found, gateway_customer_ref: 'cus_2' },
    { is: 'mismatch', mismatch: 'other_owner' },
  ],
  [
    'different last digits with the same fingerprint',
    {},
    { ...found, last_four: '1881' },
    { is: 'mismatch', mismatch: 'other_number' },
  ],
  [
    'different last digits without a fingerprint',
    {},
    { ...withoutFingerprint, last_four: '1881' },
    { is: 'mismatch', mismatch: 'other_number' },
  ],
  ['a date requested less than an hour ago', { expiry_wanted_at: ago(HOUR - 1) }, found, { is: 'same' }],
  ['a date requested an hour ago', { expiry_wanted_at: ago(HOUR) }, found, { is: 'unfinished' }],
  ['a requested date of a detached method', { expiry_wanted_at: ago(HOUR) }, unattached, { is: 'detached' }],
])('compareMethod classifies %s', (_name, change, there, expected) => {
  expect(compareMethod({ ...stored, ...change }, there, OWNER, NOW)).toEqual(expected);
});

test.each<[string, Parameters<typeof classifyAttachment>[0], number, string]>([
  ['in the wallet', { status: 'failed', removed_at: null }, 0, 'held'],
  ['being verified', { status: 'unverified', removed_at: null }, 999 * HOUR, 'under_way'],
  [
    'removed less than an hour ago',
    { status: 'inactive', removed_at: ago(HOUR - 1) },
    999 * HOUR,
    'under_way',
  ],
  ['removed an hour ago', { status: 'inactive', removed_at: ago(HOUR) }, 0, 'left_behind'],
  ['removed and compromised', { status: 'compromised', removed_at: ago(HOUR) }, 0, 'left_behind'],
  ['never in the wallet, created just now', undefined, 0, 'under_way'],
  ['never in the wallet, created almost a day ago', undefined, 24 * HOUR - 1, 'under_way'],
  ['never in the wallet, created a day ago', undefined, 24 * HOUR, 'unknown'],
])('classifyAttachment classifies a method attached at the gateway, %s', (_name, entry, age, expected) => {
  expect(classifyAttachment(entry, { created_at: NOW - age }, NOW)).toBe(expected);
});

test.each<[string, Partial<Parameters<typeof isVerificationOverdue>[0]>, boolean]>([
  ['added less than an hour ago', { updated_at: ago(HOUR - 1) }, false],
  ['added an hour ago', {}, true],
  ['verified since', { status: 'failed' }, false],
  ['removed since', { removed_at: ago(1) }, false],
])('isVerificationOverdue classifies a new method, %s', (_name, change, expected) => {
  const entry = { status: 'unverified' as const, removed_at: null, updated_at: ago(HOUR) };
  expect(isVerificationOverdue({ ...entry, ...change }, NOW)).toBe(expected);
});

test('only a method that the gateway has at another customer is quarantined', () => {
  expect(MISMATCHES.filter((gateway_mismatch) => isQuarantined({ gateway_mismatch }))).toEqual([
    'other_owner',
  ]);
  expect(isQuarantined({ gateway_mismatch: null })).toBe(false);
  expect(isQuarantined({})).toBe(false);
});

test.each([
  ['cus_2', OWNER, true],
  [OWNER, OWNER, false],
  // Detached, or the wallet's customer is not known yet: it cannot be said to be another one.
  [undefined, OWNER, false],
  ['cus_2', undefined, false],
  [undefined, undefined, false],
])('a method attached to %s, in the wallet of %s, is at another customer: %s', (holder, owner, expected) => {
  const gateway = holder === undefined ? {} : { gateway_customer_ref: holder };
  expect(isAttachedToOtherCustomer(gateway, owner)).toBe(expected);
});
