import { expect, test } from 'vitest';
import type { DefaultCandidate } from './wallet.ts';
import { mayConsent, NETWORK_REVOCATION, selectDefault } from './wallet.ts';

const method = (payment_method_id: string, change: Partial<DefaultCandidate> = {}): DefaultCandidate => ({
  payment_method_id,
  status: 'active',
  proven: true,
  is_default: false,
  off_session_consent: false,
  last_used: '2026-01-01T00:00:00.000Z',
  ...change,
});

test.each<[string, DefaultCandidate[], string | null]>([
  ['none in an empty wallet', [], null],
  [
    'the current one, however old',
    [method('a', { is_default: true }), method('b', { last_used: '2026-02-01T00:00:00.000Z' })],
    'a',
  ],
  [
    'another one once the current one failed',
    [method('a', { is_default: true, status: 'failed' }), method('b')],
    'b',
  ],
  ['none if no other method is active', [method('a', { is_default: true, status: 'failed' })], null],
  ['never one with a disputed charge', [method('a', { is_default: true, disputed: true }), method('b')], 'b'],
  [
    'never one that the gateway has at another customer',
    [method('a', { is_default: true, gateway_mismatch: 'other_owner' }), method('b')],
    'b',
  ],
  [
    'the current one with another mismatch',
    [method('a', { is_default: true, gateway_mismatch: 'other_number' }), method('b')],
    'a',
  ],
  ['never an unproven one', [method('a', { proven: false })], null],
  ['the most recently used', [method('a'), method('b', { last_used: '2026-02-01T00:00:00.000Z' })], 'b'],
  [
    'one with consent rather than a later used one without',
    [method('a', { off_session_consent: true }), method('b', { last_used: '2026-02-01T00:00:00.000Z' })],
    'a',
  ],
  ['the smaller id of two equals', [method('b'), method('a')], 'a'],
])('the default is %s', (_, methods, expected) => {
  expect(selectDefault(methods)).toBe(expected);
});

test.each([
  [null, 'service', true],
  [null, 'customer', true],
  ['customer', 'service', true],
  ['service', 'service', true],
  [NETWORK_REVOCATION, 'service', false],
  [NETWORK_REVOCATION, NETWORK_REVOCATION, false],
  [NETWORK_REVOCATION, 'customer', true],
])('after consent from %s, %s may give it: %s', (consent_source, source, expected) => {
  expect(mayConsent({ consent_source }, source)).toBe(expected);
});
