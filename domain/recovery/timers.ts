/**
 * The clocks of a recovery that waits. They run apart: when it charges again, when it writes again, when it reads the
 * graph again, and when it gives up (specification: workflows 2, step 6).
 */

import type { Candidate, DueNotice, RecoveryState } from './state.ts';

const DAY_MS = 24 * 3_600_000;
/** A waiting recovery reads the graph at least this often, so that a lost signal costs a day and not the payment. */
const REFRESH_INTERVAL_MS = DAY_MS;
/** So long at most the customer hears nothing because the first cascade still goes on. */
export const NOTICE_DEADLINE_MS = DAY_MS;
/** Counted from the opening. */
const REMINDERS = [
  { stage: 'day3', after: 3 * DAY_MS },
  { stage: 'day7', after: 7 * DAY_MS },
] as const;

export interface Timer {
  do: 'charge' | 'remind' | 'read' | 'close';
  /** Epoch milliseconds. */
  at: number;
}

/** What the recovery does by itself, and when. A window whose clock stands still has no end yet. */
export function timersOf(state: RecoveryState): Timer[] {
  const candidate = earliest(state.candidates);
  const reminder = remindersLeft(state)[0];
  return [
    ...(candidate ? [{ do: 'charge' as const, at: candidate.not_before }] : []),
    ...(reminder ? [{ do: 'remind' as const, at: reminder.at }] : []),
    {
      do: 'read',
      at: state.cascade_ended ? state.read_at + REFRESH_INTERVAL_MS : state.opened_at + NOTICE_DEADLINE_MS,
    },
    ...(isWindowOpen(state) ? [{ do: 'close' as const, at: state.closes_at }] : []),
  ];
}

/** The first candidate in order among those that come earliest. */
export function earliest(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>(
    (best, candidate) => (best === undefined || candidate.not_before < best.not_before ? candidate : best),
    undefined,
  );
}

/** A timer has come since the graph was last read: what is charged or written now, the graph decides anew. */
export function isRefreshDue(state: RecoveryState, now: number): boolean {
  return timersOf(state).some((timer) => {
    if (timer.do === 'close' || timer.at > now || timer.at <= state.read_at) return false;
    // Inside the cascade, and where another obligation stands in the way, the claim reads what it needs.
    return timer.do !== 'charge' || (state.cascade_ended && !earliest(state.candidates)?.blocked);
  });
}

/** Nobody has paid in time. @param now epoch milliseconds */
export function isWindowOver(state: RecoveryState, now: number): boolean {
  return isWindowOpen(state) && now >= state.closes_at;
}

/** The window ends what a cascade has left over, not the cascade; and not while nobody could act. */
function isWindowOpen(state: RecoveryState): boolean {
  const mayEnd = state.cascade_ended || state.suspended_until !== undefined;
  return mayEnd && state.stopped_at === undefined;
}

/** Of several that were missed, the last one alone. @param now epoch milliseconds */
export function reminderDue(state: RecoveryState, now: number): DueNotice | undefined {
  const due = remindersLeft(state).findLast(({ at }) => at <= now);
  return due && { template: 'reminder', stage: due.stage };
}

/** What was due before the customer was last written to needs no reminder any more. */
function remindersLeft({ cascade_ended, notified_at, opened_at }: RecoveryState) {
  if (!cascade_ended || notified_at === undefined) return [];
  return REMINDERS.map(({ stage, after }) => ({ stage, at: opened_at + after })).filter(
    ({ at }) => at > notified_at,
  );
}
