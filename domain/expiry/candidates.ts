/** Which cards the expiry monitor processes, and by which rules. */

import { daysBeforeEnd, type ExpiryStage, isNewStage, noticeKey, stageOf } from './calendar.ts';

const DAY_MS = 24 * 3_600_000;

/** A card that is used at least `expiry.frequentUseCount` times counts as frequently used for this long after its last use. */
const RECENT_USE_MS = 90 * DAY_MS;

/** The inputs of one run's decisions, read once at its start. */
export interface ExpiryScan {
  /** Epoch milliseconds: the whole run uses one date, however long it takes. */
  now: number;
  /** Policy `expiry.stages`. */
  stages: number[];
  /** Policy `expiry.frequentUseCount`. */
  frequent_use_count: number;
}

/** RFC 3339: a use before this time is not recent. */
export function recentUseSince({ now }: Pick<ExpiryScan, 'now'>): string {
  return new Date(now - RECENT_USE_MS).toISOString();
}

/** Whether the customer is notified of this card's expiry. RFC 3339 times in UTC with milliseconds. */
export function qualifiesForNotice(
  card: { proven: boolean; is_default: boolean; use_count: number; last_used: string },
  scan: ExpiryScan,
): boolean {
  const isFrequent = card.use_count >= scan.frequent_use_count && card.last_used >= recentUseSince(scan);
  return card.proven && (card.is_default || isFrequent);
}

/** A card as the scan reads it. */
export interface ScannedCard {
  /** `YYYY-MM-DD`. */
  expires_on: string;
  /** `null`: the card belongs to no customer any more. */
  customer_status: string | null;
  /** As returned by `qualifiesForNotice`. */
  qualifies: boolean | null;
  /** As returned by `noticeKey`. */
  noticed: string | null;
}

/**
 * The stored keys (`noticeKey`) of notices that cover the current stage of a card with this last day, so that no notice
 * is due. Empty for an expired card: its expiry is processed whichever notices were sent.
 */
export function coveringNoticeKeys(expires_on: string, { now, stages }: ExpiryScan): string[] {
  const stage = stageOf(expires_on, now, stages);
  if (stage === undefined || stage === 'card_expired') return [];
  const later = Array.from({ length: daysBeforeEnd(stage) + 1 }, (_, days): ExpiryStage => `notice_${days}`);
  return [...later, 'card_expired' as const].map((last) => noticeKey(expires_on, last));
}

/**
 * The stage for which a card has to be processed; `undefined`: none. Every card expires with its month; only customers
 * who may be charged, and whose card qualifies, are notified before that.
 */
export function dueStage(card: ScannedCard, scan: ExpiryScan): ExpiryStage | undefined {
  const { expires_on, customer_status, qualifies, noticed } = card;
  if (customer_status !== 'active' && customer_status !== 'suspended') return undefined;
  const stage = stageOf(expires_on, scan.now, scan.stages);
  if (stage === undefined || stage === 'card_expired') return stage;
  return qualifies && customer_status === 'active' && isNewStage(expires_on, stage, noticed)
    ? stage
    : undefined;
}
