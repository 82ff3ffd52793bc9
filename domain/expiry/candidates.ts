/** Which cards the expiry monitor cares for, and what a day's run decides by. */

import { daysBeforeEnd, type ExpiryStage, isNewStage, noticeKey, stageOf } from './calendar.ts';

const DAY_MS = 24 * 3_600_000;

/** A card that is used at least `expiry.frequentUseCount` times counts as frequently used for so long after its last use. */
const RECENT_USE_MS = 90 * DAY_MS;

/** What one run decides by, read once at its start. */
export interface ExpiryScan {
  /** Epoch milliseconds: the whole run speaks of one day, however long it takes. */
  now: number;
  /** Policy `expiry.stages`. */
  stages: number[];
  /** Policy `expiry.frequentUseCount`. */
  frequent_use_count: number;
}

/** RFC 3339: a use before this is not lately. */
export function recentUseSince({ now }: Pick<ExpiryScan, 'now'>): string {
  return new Date(now - RECENT_USE_MS).toISOString();
}

/** Does it matter to its customer when this card ends? RFC 3339 times in UTC with milliseconds. */
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
  /** `null`: nobody has it any more. */
  customer_status: string | null;
  /** As `qualifiesForNotice` says. */
  qualifies: boolean | null;
  /** As `noticeKey` gives it. */
  noticed: string | null;
}

/**
 * What a card that ends on this day may say of its last notice, as `noticeKey` gives it, for its stage to be news to its
 * customer no more. Nothing for a card that is over: its end comes, whatever its customer was told.
 */
export function coveringNoticeKeys(expires_on: string, { now, stages }: ExpiryScan): string[] {
  const stage = stageOf(expires_on, now, stages);
  if (stage === undefined || stage === 'card_expired') return [];
  const later = Array.from({ length: daysBeforeEnd(stage) + 1 }, (_, days): ExpiryStage => `notice_${days}`);
  return [...later, 'card_expired' as const].map((last) => noticeKey(expires_on, last));
}

/**
 * The stage for which something is to be done about a card; `undefined`: nothing is. Every card ends with its month; only
 * customers who may be charged, and to whom it matters, are written to before that.
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
