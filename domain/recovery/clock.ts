/**
 * The clock of the window: it stands still while nobody could act (under review, with a charge in doubt, while others'
 * payment is processing or another obligation stands in the way). The run moves it; the graph is told of what is worth it.
 */

import type { Clock, RecoveryState, Step } from './state.ts';

const HOUR_MS = 3_600_000;
/** So much of a window of weeks may be lost with a run: what is over in minutes is not worth a write. */
const MAY_BE_LOST_MS = HOUR_MS;
/** A rest that only a message ends counts as one of a day. */
const OPEN_END_MS = 24 * HOUR_MS;

/**
 * What the graph is to be told before the recovery rests or writes to the customer: by the end of the rest a run that
 * takes over would be wrong about the window, and a notice names the day on which it ends. `undefined`: nothing.
 *
 * @param now epoch milliseconds
 */
export function clockToKeep(state: RecoveryState, step: Step, now: number): Clock | undefined {
  if (state.closed || (step.do !== 'wait' && step.do !== 'notify')) return undefined;
  const until = step.do === 'wait' ? (step.until ?? now + OPEN_END_MS) : now;
  const wrongBy = Math.abs(endAt(state, until) - endAt(state.kept, until));
  return wrongBy > MAY_BE_LOST_MS ? clockOf(state) : undefined;
}

export function clockOf({ closes_at, frozen_at }: Clock): Clock {
  return { closes_at, ...(frozen_at === undefined ? {} : { frozen_at }) };
}

/** When the window ends, if the clock goes on at that time. */
function endAt({ closes_at, frozen_at = Infinity }: Clock, at: number): number {
  return closes_at + Math.max(0, at - frozen_at);
}
