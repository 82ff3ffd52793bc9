import { validationError } from './errors.ts';
import type { Policy } from './policy.ts';

/** Is it so long ago that nobody remembers whether it was carried out? @param at RFC 3339 @param now epoch milliseconds */
export function isBeyondRetention(
  at: string,
  now: number,
  { retention }: Pick<Policy, 'retention'>,
): boolean {
  return now - Date.parse(at) > retention.receipts;
}

/** The refusal of an event that is so old. @param field what says when it happened */
export function staleEventError(field: string) {
  const message = 'is so long ago that nobody remembers whether it was carried out (retention.receipts)';
  return validationError([{ field, message }], 'stale_event');
}
