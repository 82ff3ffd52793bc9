/**
 * Another token of a declined card is no alternative to it (docs/reference/decline-codes.md, 'What a card's history forbids'): the
 * issuer would get the same request again.
 */

import { isTokenOnly } from '../decline/ceilings.ts';
import type { DeclineClass } from '../decline/classify.ts';
import type { AttemptState } from './status.ts';

/** Rule of a refused claim: the obligation's card has already declined through another token. */
export const SAME_CARD = 'same_card';

/** An attempt of one obligation, Persona's own or reported. */
export interface ObligationAttempt {
  source: 'recovery' | 'reported';
  payment_method_id: string;
  /** The token's card at the time of the attempt; absent: unknown. */
  instrument_fingerprint?: string;
  state: AttemptState;
  class?: DeclineClass;
  rule?: string;
  /** RFC 3339. */
  claimed_at: string;
  resolved_at?: string;
}

/** A token as the wallet has it now. */
export interface WalletToken {
  payment_method_id: string;
  instrument_fingerprint: string | null;
  status: string;
  removed_at: string | null;
  off_session_consent: boolean;
}

/**
 * Whether this token must not be charged because its card has declined through another token. A card may be charged
 * through a token that was added, or whose details changed, after the decline if new details may help (FIX, AUTH), or if
 * the token with the retry schedule (LATER, TECH) can no longer be charged. A permanent ban remains (`ceilingReached`).
 *
 * @param token.changed_at when it was added or its details last changed, epoch milliseconds
 * @param attempts of the obligation, in the order of their claims
 */
export function isDeclinedCard(
  token: Pick<WalletToken, 'payment_method_id' | 'instrument_fingerprint'> & { changed_at: number },
  obligation: { opened_at: string; failed_payment_method_id?: string },
  attempts: readonly ObligationAttempt[],
  wallet: readonly WalletToken[],
): boolean {
  const { payment_method_id, instrument_fingerprint: card, changed_at } = token;
  if (card === null) return false;
  const since = openingStart(obligation, attempts);
  const last = attempts
    .filter((one) => one.instrument_fingerprint === card && one.state === 'declined')
    .filter(
      (one) => !isTokenOnly({ ...one, at: declinedAt(one) }) && Date.parse(one.claimed_at) >= since(one),
    )
    .at(-1);
  if (last === undefined || last.payment_method_id === payment_method_id) return false;
  if (changed_at <= declinedAt(last)) return true;
  switch (last.class) {
    case 'FIX':
    case 'AUTH':
      return false;
    case 'LATER':
    case 'TECH':
      return wallet.some(
        (one) => one.payment_method_id === last.payment_method_id && isStillChargeable(one, card),
      );
    default:
      return true;
  }
}

function declinedAt({ resolved_at, claimed_at }: ObligationAttempt): number {
  return Date.parse(resolved_at ?? claimed_at);
}

/** Whether the token can still be charged by its schedule, with the same card. */
function isStillChargeable(token: WalletToken, card: string): boolean {
  const { status, removed_at, off_session_consent } = token;
  return (
    token.instrument_fingerprint === card && status === 'active' && removed_at === null && off_session_consent
  );
}

/** The time from which an attempt belongs to this opening: the failure was reported after it happened. */
function openingStart(
  { opened_at, failed_payment_method_id }: { opened_at: string; failed_payment_method_id?: string },
  attempts: readonly ObligationAttempt[],
): (attempt: ObligationAttempt) => number {
  const opened = Date.parse(opened_at);
  const report = attempts.findLast(
    ({ source, payment_method_id }) =>
      source === 'reported' && payment_method_id === failed_payment_method_id,
  );
  const reported = report === undefined ? opened : Math.min(opened, Date.parse(report.claimed_at));
  return ({ source }) => (source === 'reported' ? reported : opened);
}
