/**
 * The independent timers of a waiting recovery: when it charges again, when it sends a reminder, when it reads the graph
 * again, and when it closes (docs/reference/workflows.md, 'Waiting').
 */

import type { Candidate, DueNotice, RecoveryState } from './state.ts';

const DAY_MS = 24 * 3_600_000;
/** A waiting recovery reads the graph at least this often, so that a lost signal costs a day and not the payment. */
const REFRESH_INTERVAL_MS = DAY_MS;
/** The longest time without a notice to the customer because the first cascade is still running. */
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

/** The recovery's own timers. While the clock is stopped, the window has no end yet. */
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

/** The first candidate in order among the earliest ones. */
export function earliest(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>(
    (best, candidate) => (best === undefined || candidate.not_before < best.not_before ? candidate : best),
    undefined,
  );
}

/** Whether a timer has elapsed since the graph was last read, so that it is read again before charging or notifying. */
export function isRefreshDue(state: RecoveryState, now: number): boolean {
  return timersOf(state).some((timer) => {
    if (timer.do === 'close' || timer.at > now || timer.at <= state.read_at) return false;
    // Within the cascade, and when blocked by another obligation, the claim reads what it needs.
    return timer.do !== 'charge' || (state.cascade_ended && !earliest(state.candidates)?.blocked);
  });
}

/** Whether the window has ended unpaid. @param now epoch milliseconds */
export function isWindowOver(state: RecoveryState, now: number): boolean {
  return isWindowOpen(state) && now >= state.closes_at;
}

/** The window ends a recovery only after its cascade, and not while the clock is stopped. */
function isWindowOpen(state: RecoveryState): boolean {
  const mayEnd = state.cascade_ended || state.suspended_until !== undefined;
  return mayEnd && state.stopped_at === undefined;
}

/** Of several missed reminders, only the last. @param now epoch milliseconds */
export function reminderDue(state: RecoveryState, now: number): DueNotice | undefined {
  const due = remindersLeft(state).findLast(({ at }) => at <= now);
  return due && { template: 'reminder', stage: due.stage };
}

/** A reminder due before the customer's last notice is no longer needed. */
function remindersLeft({ cascade_ended, notified_at, opened_at }: RecoveryState) {
  if (!cascade_ended || notified_at === undefined) return [];
  return REMINDERS.map(({ stage, after }) => ({ stage, at: opened_at + after })).filter(
    ({ at }) => at > notified_at,
  );
}
