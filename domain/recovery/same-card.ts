/**
 * Another token of a card that has declined is no alternative to it (specification: decline codes, 'What a decline
 * teaches'): the issuer would be asked the same question once more.
 */

import { isTokenOnly } from '../decline/ceilings.ts';
import type { DeclineClass } from '../decline/classify.ts';
import type { AttemptState } from './status.ts';

/** Rule of a refused claim: the obligation has met this card already, through another token. */
export const SAME_CARD = 'same_card';

/** An attempt of one obligation, Persona's own or reported. */
export interface ObligationAttempt {
  source: 'recovery' | 'reported';
  payment_method_id: string;
  /** The card behind the token when the attempt was made; absent: not known. */
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
 * May this token not be tried because its card has declined through another one? A card may be tried through a token that
 * was added, or whose details changed, after the decline: where new details may mend it (FIX, AUTH), or where the token
 * that would have gone on by its schedule (LATER, TECH) can be charged no more. What is forbidden for ever stays so
 * (`ceilingReached`).
 *
 * @param token.changed_at when it was added or its details changed last, epoch milliseconds
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

/** Can the token still be charged by its schedule, and the same card through it? */
function isStillChargeable(token: WalletToken, card: string): boolean {
  const { status, removed_at, off_session_consent } = token;
  return (
    token.instrument_fingerprint === card && status === 'active' && removed_at === null && off_session_consent
  );
}

/** From when on an attempt belongs to this opening: the failure that opened it was reported after it happened. */
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
