/** The steps of an erasure, in order, and what it may wait for (docs/reference/workflows.md, 'eraseCustomer'). */

/**
 * `recorded`: in the journal. `hidden`: every edge answers as for an unknown id. `settled`: nothing is owed in either
 * direction. `notified`: the customer, the gateway and Chimera. `forgotten`: the data key is destroyed and everything
 * personal deleted. `histories_deleted`: in Temporal.
 */
export const ERASURE_STEPS = [
  'recorded',
  'hidden',
  'settled',
  'notified',
  'forgotten',
  'histories_deleted',
] as const;
export type ErasureStep = (typeof ERASURE_STEPS)[number];

/** What an erasure waits for. */
export type ErasureWait =
  /** The time within which it may be taken back. */
  | 'grace'
  /** An open recovery, or a charge in flight, unknown or pending. */
  | 'charge'
  | 'refund'
  | 'dispute'
  /** A message that was accepted and not recorded yet. */
  | 'report'
  /** Another process of this customer. */
  | 'process'
  /** The relay, until it has published the customer's events. */
  | 'relay';

export type ErasureState = 'running' | 'done' | 'cancelled';

/** The answer of one step's activity. */
export interface StepAnswer {
  /** Empty: the step is done. */
  waiting_for: readonly ErasureWait[];
  /** It was taken back. */
  cancelled?: true;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/**
 * How long a step waits before it looks again: charges resolve within seconds, bank debits within days.
 * @param looks how often it has looked so far, from 1
 * @returns milliseconds
 */
export function waitBefore(looks: number): number {
  if (looks <= 10) return SECOND_MS;
  if (looks <= 40) return 10 * SECOND_MS;
  if (looks <= 100) return MINUTE_MS;
  return 15 * MINUTE_MS;
}

/** Whether it is not done in the time that the law allows. Times in epoch milliseconds. */
export function isOverdue(requestedAt: number, deadline: number, now: number): boolean {
  return now - requestedAt > deadline;
}
