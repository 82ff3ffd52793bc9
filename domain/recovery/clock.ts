/**
 * The recovery's clock: stopped while nothing can be charged (under review, with an unresolved charge, while an external
 * payment is processing, or while blocked by another obligation). The run keeps it and stores only relevant changes.
 */

const HOUR_MS = 3_600_000;
/**
 * The part of a window of weeks that may be lost with a run: a stop that ends by the second query of the gateway, an hour
 * later, is not worth a write.
 */
const CLOCK_TOLERANCE_MS = 2 * HOUR_MS;

/** As the graph has it, for a run that takes over. */
export interface StoredClock {
  /** When the window ends, as of the last time the clock ran: epoch milliseconds. */
  closes_at: number;
  /** Since when it is stopped. */
  stopped_at?: number;
}

export interface Clock extends StoredClock {
  stored: StoredClock;
}

/** A clock that the graph has as it is. */
export function clockOf(clock: StoredClock): Clock {
  return { ...storedForm(clock), stored: storedForm(clock) };
}

/** An earlier stop counts. @param at epoch milliseconds */
export function stopClock(clock: Clock, at: number): Clock {
  return { ...clock, stopped_at: clock.stopped_at ?? at };
}

/** Extends the window by the time that the clock was stopped. @param at epoch milliseconds */
export function resumeClock(clock: Clock, at: number): Clock {
  const { closes_at, stopped_at, stored } = clock;
  return stopped_at === undefined ? clock : { closes_at: closes_at + Math.max(0, at - stopped_at), stored };
}

/**
 * The clock to store before the recovery waits or notifies the customer: without it, a run that takes over would by the
 * end of the wait have a wrong window, and a notice would name a wrong last day. `undefined`: nothing to store.
 *
 * @param until the end of the wait, epoch milliseconds; by default none: a notice names the stored end as it is
 */
export function clockToStore(clock: Clock, until = -Infinity): StoredClock | undefined {
  const error = Math.abs(windowEndAt(clock, until) - windowEndAt(clock.stored, until));
  return error > CLOCK_TOLERANCE_MS ? storedForm(clock) : undefined;
}

function storedForm({ closes_at, stopped_at }: StoredClock): StoredClock {
  return { closes_at, ...(stopped_at === undefined ? {} : { stopped_at }) };
}

/** When the window ends, if the clock is resumed at that time. */
function windowEndAt({ closes_at, stopped_at = Infinity }: StoredClock, at: number): number {
  return closes_at + Math.max(0, at - stopped_at);
}
