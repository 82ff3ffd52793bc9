/** When the failed refund of a second success is retried (docs/reference/workflows.md, 'Second successes and refunds'). */

import type { RefundRetry } from '../events/refunds.ts';

const DAY_MS = 24 * 3_600_000;
/** After this period an operator has to. */
const RETRY_PERIOD_MS = 7 * DAY_MS;

/**
 * Daily for a week from the first failure. @param now epoch milliseconds
 * @param since the first failure since it was last accepted or requested, RFC 3339; absent: this is the first
 * @param final the failure is permanent
 */
export function retryOfRefund(now: number, since?: string, { final = false } = {}): RefundRetry {
  const first = since ?? new Date(now).toISOString();
  const gaveUp = final || now - Date.parse(first) >= RETRY_PERIOD_MS;
  return { since: first, next_at: gaveUp ? null : new Date(now + DAY_MS).toISOString() };
}

/** The result of an attempt to refund a second success. */
export type RefundOutcome =
  /** `notice`: the id of the notice about it, if one is due. */
  | { refunded: true; refund_ref: string; notice?: string }
  /** `next_at` as in `RefundRetry`. */
  | { refunded: false; reason: string; next_at: string | null };

/** Why a refund's notice is withdrawn. If the refund succeeds after all, the customer is notified. */
export const REFUND_HAS_FAILED = 'the refund has failed';
