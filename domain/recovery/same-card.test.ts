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

/** A decline of our own, an hour after the opening. */
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

/** Is the twin refused? It changed an hour before the decline, unless said otherwise. */
function refused(attempts: ObligationAttempt[], changed_at = OPENED, wallet = [token('a'), token('twin')]) {
  const otherToken = wallet.find((one) => one.payment_method_id === 'twin') ?? token('twin');
  return isDeclinedCard({ ...otherToken, changed_at }, obligation, attempts, wallet);
}

describe('a token whose card has declined through another one', () => {
  test.each<DeclineClass>(['FIX', 'AUTH', 'LATER', 'TECH', 'HARD', 'FRAUD', 'STOP', 'CONFIG', 'UNKNOWN'])(
    '%s: is not tried as it was',
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
  ])('%s: entered anew, refused %s', (declineClass, still) => {
    expect(refused([declined('a', declineClass)], OPENED + 2 * HOUR)).toBe(still);
  });

  test.each<[string, Partial<WalletToken>]>([
    ['was removed', { removed_at: iso(OPENED) }],
    ['is not active', { status: 'failed' }],
    ['has no consent', { off_session_consent: false }],
    ['has another number', { instrument_fingerprint: 'other' }],
  ])('it takes the place of the token that would have gone on, where that %s', (_, change) => {
    const wallet = [token('a', 'card', change), token('twin')];
    expect(refused([declined('a', 'LATER')], OPENED + 2 * HOUR, wallet)).toBe(false);
    expect(refused([declined('a', 'LATER')], OPENED, wallet)).toBe(true);
    expect(refused([declined('a', 'HARD')], OPENED + 2 * HOUR, wallet)).toBe(true);
  });
});

test.each<[string, ObligationAttempt[]]>([
  ['another card', [declined('a', 'LATER', { instrument_fingerprint: 'other' })]],
  ['a card of which no number is known', [declined('a', 'LATER', { instrument_fingerprint: undefined })]],
  ['the token itself, last', [declined('a', 'LATER'), declined('twin', 'LATER')]],
  ['a charge that was never sent', [declined('a', 'LATER', { state: 'void' })]],
  ['a token that is unknown at the gateway', [declined('a', 'HARD', { rule: 'stripe:resource_missing' })]],
  ['an attempt before this opening', [declined('a', 'LATER', { claimed_at: iso(OPENED - HOUR) })]],
  [
    'a report before the failure that opened it',
    [
      reported('a', OPENED - 2 * HOUR),
      reported('failed', OPENED - HOUR, { instrument_fingerprint: 'other' }),
    ],
  ],
])('%s does not stand in the way', (_, attempts) => {
  expect(refused(attempts)).toBe(false);
});

test('the failure that opened it counts, and one that was reported since', () => {
  const other = { instrument_fingerprint: 'other' };
  expect(refused([reported('failed', OPENED - HOUR)], OPENED - 2 * HOUR)).toBe(true);
  expect(refused([reported('failed', OPENED - HOUR, other), reported('a', OPENED + HOUR)])).toBe(true);
});

test('a token of which no number is known is no twin', () => {
  const wallet = [token('a'), token('twin', null)];
  expect(refused([declined('a', 'LATER', { instrument_fingerprint: undefined })], OPENED, wallet)).toBe(
    false,
  );
});
