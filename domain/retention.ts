import { validationError } from './errors.ts';
import type { Remains } from './events/erasure.ts';
import type { Policy } from './policy.ts';

/** What retention removes, in the order in which a run does. */
export const RETAINED = [
  'idempotency',
  'receipts',
  'metrics',
  'disclosures',
  'sightings',
  'recovery',
  'financial',
] as const;
export type Retained = (typeof RETAINED)[number];

/** How many of each were removed: receipts, metrics, disclosures; devices, recoveries, events of erased customers. */
export type RetentionCounts = Readonly<Record<Retained, number>>;

/** The progress of a run, which another process may continue. */
export interface RetentionProgress {
  /** What is due was decided as of this time: epoch milliseconds. */
  readonly started: number;
  /** What is being removed; `null`: the run is complete. */
  readonly step: Retained | null;
  /** The last id that was looked at; empty: none. */
  readonly after: string;
  readonly counts: RetentionCounts;
}

/** @param started epoch milliseconds */
export function beginRetention(started: number): RetentionProgress {
  const counts = Object.fromEntries(RETAINED.map((name) => [name, 0])) as Record<Retained, number>;
  return { started, step: RETAINED[0], after: '', counts };
}

/** @param page what was removed, and where the step continues; absent: it is complete */
export function advanceRetention(
  progress: RetentionProgress & { step: Retained },
  { removed, next }: { removed: number; next?: string },
): RetentionProgress {
  const { step, counts } = progress;
  return {
    ...progress,
    counts: { ...counts, [step]: counts[step] + removed },
    after: next ?? '',
    step: next === undefined ? (RETAINED[RETAINED.indexOf(step) + 1] ?? null) : step,
  };
}

/** What is older than this is removed: epoch milliseconds. @param at epoch milliseconds */
export function retainedSince(
  name: Retained,
  at: number,
  { retention, catalogue }: Pick<Policy, 'retention' | 'catalogue'>,
): number {
  return at - (name === 'metrics' ? catalogue.metricsFor : retention[name]);
}

/**
 * When something last happened to the payments that an erasure has left: for so long the law asks for records of it.
 * @param recordedAt when they were left, which counts if there are none
 * @returns epoch milliseconds
 */
export function lastMovement({ obligations, attempts, refunds }: Remains, recordedAt: string): number {
  const times = [
    ...obligations.flatMap(({ opened_at, closed_at }) => [opened_at, closed_at]),
    ...attempts.flatMap(({ claimed_at, resolved_at }) => [claimed_at, resolved_at]),
    ...refunds.flatMap(({ sent_at, failed_at }) => [sent_at, failed_at]),
  ].filter((time) => time !== null);
  return Math.max(...(times.length > 0 ? times : [recordedAt]).map((time) => Date.parse(time)));
}

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
