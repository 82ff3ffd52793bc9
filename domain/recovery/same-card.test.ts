import { describe, expect, test } from 'vitest';
import type { DeclineClass } from '../decline/classify.ts';
import { isDeclinedCard, type ObligationAttempt, type WalletToken } from './same-card.ts';

const HOUR = 3_600_000;
const OPENED = Date.parse('2026-11-21T12:00:00Z');
const iso = (at: number) => new Date(at).toISOString();
const obligation = { opened_at: iso(OPENED), failed_payment_method_id: 'failed' };

const token = (id: string, card: string | null = 'card', more: Partial<WalletToken> = {}): WalletToken => ({
  payment_method_id: id,
  instrument_fingerprint: card,
  status: 'active',
  removed_at: null,
  off_session_consent: true,
  ...more,
});

/** A decline of Persona's own attempt, an hour after the opening. */
const declined = (
  id: string,
  declineClass: DeclineClass,
  more: Partial<ObligationAttempt> = {},
): ObligationAttempt => ({
  source: 'recovery',
  payment_method_id: id,
  instrument_fingerprint: 'card',
  state: 'declined',
  class: declineClass,
  claimed_at: iso(OPENED + HOUR),
  ...more,
});

const reported = (id: string, at: number, more: Partial<ObligationAttempt> = {}) =>
  declined(id, 'LATER', { source: 'reported', claimed_at: iso(at), ...more });

/** Whether the twin is refused. By default it changed an hour before the decline. */
function refused(attempts: ObligationAttempt[], changed_at = OPENED, wallet = [token('a'), token('twin')]) {
  const otherToken = wallet.find((one) => one.payment_method_id === 'twin') ?? token('twin');
  return isDeclinedCard({ ...otherToken, changed_at }, obligation, attempts, wallet);
}

describe('a token whose card has declined through another one', () => {
  test.each<DeclineClass>(['FIX', 'AUTH', 'LATER', 'TECH', 'HARD', 'FRAUD', 'STOP', 'CONFIG', 'UNKNOWN'])(
    '%s: is not charged unchanged',
    (declineClass) => {
      expect(refused([declined('a', declineClass)])).toBe(true);
      expect(refused([declined('a', declineClass)], OPENED + HOUR)).toBe(true);
    },
  );

  test.each<[DeclineClass, boolean]>([
    ['FIX', false],
    ['AUTH', false],
    ['LATER', true],
    ['TECH', true],
    ['HARD', true],
    ['FRAUD', true],
    ['STOP', true],
    ['CONFIG', true],
  ])('%s: refused after it was entered again: %s', (declineClass, still) => {
    expect(refused([declined('a', declineClass)], OPENED + 2 * HOUR)).toBe(still);
  });

  test.each<[string, Partial<WalletToken>]>([
    ['was removed', { removed_at: iso(OPENED) }],
    ['is not active', { status: 'failed' }],
    ['has no consent', { off_session_consent: false }],
    ['has another number', { instrument_fingerprint: 'other' }],
  ])('it replaces the token with the retry schedule if that %s', (_, change) => {
    const wallet = [token('a', 'card', change), token('twin')];
    expect(refused([declined('a', 'LATER')], OPENED + 2 * HOUR, wallet)).toBe(false);
    expect(refused([declined('a', 'LATER')], OPENED, wallet)).toBe(true);
    expect(refused([declined('a', 'HARD')], OPENED + 2 * HOUR, wallet)).toBe(true);
  });
});

test.each<[string, ObligationAttempt[]]>([
  ['another card', [declined('a', 'LATER', { instrument_fingerprint: 'other' })]],
  ['a card with an unknown fingerprint', [declined('a', 'LATER', { instrument_fingerprint: undefined })]],
  ['the token itself as the last one', [declined('a', 'LATER'), declined('twin', 'LATER')]],
  ['a charge that was never sent', [declined('a', 'LATER', { state: 'void' })]],
  ['a token unknown at the gateway', [declined('a', 'HARD', { rule: 'stripe:resource_missing' })]],
  ['an attempt before this opening', [declined('a', 'LATER', { claimed_at: iso(OPENED - HOUR) })]],
  [
    'a report before the failure that opened the recovery',
    [
      reported('a', OPENED - 2 * HOUR),
      reported('failed', OPENED - HOUR, { instrument_fingerprint: 'other' }),
    ],
  ],
])('%s does not block the token', (_, attempts) => {
  expect(refused(attempts)).toBe(false);
});

test('the failure that opened the recovery counts, and so does one reported since', () => {
  const other = { instrument_fingerprint: 'other' };
  expect(refused([reported('failed', OPENED - HOUR)], OPENED - 2 * HOUR)).toBe(true);
  expect(refused([reported('failed', OPENED - HOUR, other), reported('a', OPENED + HOUR)])).toBe(true);
});

test('a token without a fingerprint is not a twin', () => {
  const wallet = [token('a'), token('twin', null)];
  expect(refused([declined('a', 'LATER', { instrument_fingerprint: undefined })], OPENED, wallet)).toBe(
    false,
  );
});
