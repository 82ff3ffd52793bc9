/**
 * The recovery's clock: stopped while nothing can be charged (under review, with an unresolved charge, while an external
 * payment is processing, or while blocked by another obligation). The run keeps it and stores only relevant changes.
 */

import type { Clock, RecoveryState, Step } from './state.ts';

const HOUR_MS = 3_600_000;
/**
 * The part of a window of weeks that may be lost with a run: a stop that ends by the second query of the gateway, an hour
 * later, is not worth a write.
 */
const CLOCK_TOLERANCE_MS = 2 * HOUR_MS;
/** A wait that only a message ends counts as one of a day. */
const UNBOUNDED_WAIT_MS = 24 * HOUR_MS;

/**
 * The clock to store before the recovery waits or notifies the customer: without it, a run that takes over would by the
 * end of the wait have a wrong window, and a notice would name a wrong last day. `undefined`: nothing to store.
 *
 * @param now epoch milliseconds
 */
export function clockToStore(state: RecoveryState, step: Step, now: number): Clock | undefined {
  return !state.closed && storedClockError(state, step, now) > CLOCK_TOLERANCE_MS
    ? clockOf(state)
    : undefined;
}

/** The error of the stored end of the window, in milliseconds. */
function storedClockError(state: RecoveryState, step: Step, now: number): number {
  const { stored_clock } = state;
  // A notice names the stored end.
  if (step.do === 'notify') return Math.abs(state.closes_at - stored_clock.closes_at);
  if (step.do !== 'wait') return 0;
  const until = step.until ?? now + UNBOUNDED_WAIT_MS;
  return Math.abs(windowEndAt(state, until) - windowEndAt(stored_clock, until));
}

export function clockOf({ closes_at, stopped_at }: Clock): Clock {
  return { closes_at, ...(stopped_at === undefined ? {} : { stopped_at }) };
}

/** When the window ends, if the clock is resumed at that time. */
function windowEndAt({ closes_at, stopped_at = Infinity }: Clock, at: number): number {
  return closes_at + Math.max(0, at - stopped_at);
}
