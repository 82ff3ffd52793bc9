/**
 * The clock of the window: it stands still while nobody could act (under review, with a charge in doubt, while others'
 * payment is processing or another obligation stands in the way). The run moves it; the graph is told of what is worth it.
 */

import type { Clock, RecoveryState, Step } from './state.ts';

const HOUR_MS = 3_600_000;
/**
 * So much of a window of weeks may be lost with a run: what is over by the second look at the gateway, an hour later, is
 * not worth a write.
 */
const CLOCK_TOLERANCE_MS = 2 * HOUR_MS;
/** A rest that only a message ends counts as one of a day. */
const UNBOUNDED_WAIT_MS = 24 * HOUR_MS;

/**
 * What the graph is to be told before the recovery rests or writes to the customer: by the end of the rest a run that
 * takes over would be wrong about the window, and a notice names the day on which it ends. `undefined`: nothing.
 *
 * @param now epoch milliseconds
 */
export function clockToStore(state: RecoveryState, step: Step, now: number): Clock | undefined {
  return !state.closed && storedClockError(state, step, now) > CLOCK_TOLERANCE_MS
    ? clockOf(state)
    : undefined;
}

/** By how much the graph would be wrong about the end of the window; milliseconds. */
function storedClockError(state: RecoveryState, step: Step, now: number): number {
  const { stored_clock } = state;
  // A notice names the end as it is written down.
  if (step.do === 'notify') return Math.abs(state.closes_at - stored_clock.closes_at);
  if (step.do !== 'wait') return 0;
  const until = step.until ?? now + UNBOUNDED_WAIT_MS;
  return Math.abs(windowEndAt(state, until) - windowEndAt(stored_clock, until));
}

export function clockOf({ closes_at, stopped_at }: Clock): Clock {
  return { closes_at, ...(stopped_at === undefined ? {} : { stopped_at }) };
}

/** When the window ends, if the clock goes on at that time. */
function windowEndAt({ closes_at, stopped_at = Infinity }: Clock, at: number): number {
  return closes_at + Math.max(0, at - stopped_at);
}
