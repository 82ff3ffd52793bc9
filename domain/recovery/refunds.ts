/** When a second success that could not be given back is tried again (specification: interfaces, `refundCharge`). */

import type { RefundRetry } from './events.ts';

const DAY_MS = 24 * 3_600_000;
/** Then a person must. */
const RETRY_PERIOD_MS = 7 * DAY_MS;

/**
 * Daily for a week from its first failure on. @param now epoch milliseconds
 * @param since the first failure since it was last accepted or asked for, RFC 3339; absent: this is the first
 * @param final nothing that time could change stands in the way
 */
export function retryOfRefund(now: number, since?: string, { final = false } = {}): RefundRetry {
  const first = since ?? new Date(now).toISOString();
  const gaveUp = final || now - Date.parse(first) >= RETRY_PERIOD_MS;
  return { since: first, next_at: gaveUp ? null : new Date(now + DAY_MS).toISOString() };
}

/** What came of trying to give a second success back. */
export type RefundOutcome =
  /** `notice`: id of the notification about it, if one is due. */
  | { refunded: true; refund_ref: string; notice?: string }
  /** `next_at` as in `RefundRetry`. */
  | { refunded: false; reason: string; next_at: string | null };

/** Why a notice about a refund is not sent any more. Once the money is refunded after all, the customer is to be notified. */
export const REFUND_HAS_FAILED = 'the refund has failed';
