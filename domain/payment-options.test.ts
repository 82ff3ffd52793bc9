import { expect, test } from 'vitest';
import { isPaymentOption } from './payment-options.ts';

const NOW = Date.parse('2026-04-18T11:59:59Z');
const method = {
  status: 'active',
  proven: true,
  removed_at: null,
  expires_on: '2026-04-30',
  gateway_mismatch: null,
} as const;

test.each([
  ['an active, proven method', {}, true],
  ['one that does not expire', { expires_on: null }, true],
  ['one on its last day, UTC−12 included', { expires_on: '2026-04-17' }, true],
  ['one with a mismatch that leaves it usable', { gateway_mismatch: 'other_number' }, true],
  ['one whose last day is over everywhere', { expires_on: '2026-04-16' }, false],
  ['one that is not proven', { proven: false }, false],
  ['one that was removed', { removed_at: '2026-04-01T00:00:00.000Z' }, false],
  ["another customer's at the gateway", { gateway_mismatch: 'other_owner' }, false],
  ['one that is not verified yet', { status: 'unverified' }, false],
  ['a failed one', { status: 'failed' }, false],
  ['an inactive one', { status: 'inactive' }, false],
  ['a compromised one', { status: 'compromised' }, false],
] as const)('%s: %j is an option: %s', (_, change, expected) => {
  expect(isPaymentOption({ ...method, ...change }, NOW)).toBe(expected);
});
