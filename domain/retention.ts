import { validationError } from './errors.ts';
import type { Policy } from './policy.ts';

/**
 * Whether an event is older than the retention of receipts, so that a duplicate could not be detected.
 * @param at RFC 3339
 * @param now epoch milliseconds
 */
export function isBeyondRetention(
  at: string,
  now: number,
  { retention }: Pick<Policy, 'retention'>,
): boolean {
  return now - Date.parse(at) > retention.receipts;
}

/** The error for an event beyond the retention. @param field the field that holds its time */
export function staleEventError(field: string) {
  const message = 'is older than the retention period (retention.receipts)';
  return validationError([{ field, message }], 'stale_event');
}
