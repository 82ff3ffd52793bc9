import type { ChargeAnswer } from '../ports.ts';
import type { Candidate, RecoveryState, Step } from './state.ts';

/** How long a blocked claim waits before it asks again, if no `claimFreed` comes (specification: workflows 2, step 3). */
export const BLOCKED_RETRY_MS = 10 * 60_000;
/** How often a waiting recovery asks again whether a suspended customer may be charged. */
export const SUSPENDED_RETRY_MS = 24 * 3_600_000;

const NEVER_SENT: ChargeAnswer = {
  result: 'not_sent',
  reason: 'the recovery was stopped before the charge was sent',
};

/**
 * The next step of a recovery. Pure: the same state at the same time always asks for the same step.
 *
 * The order of the rules is the meaning: what has been claimed is settled first, what ends the recovery outranks
 * what would charge again, and customers are written to only after the obligation's state is in the graph.
 *
 * @param now epoch milliseconds
 */
export function decide(state: RecoveryState, now: number): Step {
  if (state.to_record) return { do: 'record', ...state.to_record };
  if (state.claim)
    return revoked(state)
      ? { do: 'record', key: state.claim.key, answer: NEVER_SENT }
      : { do: 'charge', claim: state.claim };
  const refund = state.refunds[0];
  if (refund) return { do: 'refund', key: refund };
  if (state.unresolved?.next_at !== undefined && now >= state.unresolved.next_at) {
    return { do: 'find_out', key: state.unresolved.key };
  }
  if (state.ending && !state.closed && mayClose(state)) {
    return { do: 'close', ending: state.ending, keep_payment: state.unresolved !== undefined };
  }
  if (state.review && !state.review.flagged && !state.closed) {
    return { do: 'flag_for_review', rule: state.review.rule };
  }
  const report = state.reports[0];
  if (report) return { do: 'report_fraud', report };
  const notice = state.notices[0];
  if (notice) return { do: 'notify', notice };
  if (state.unresolved) {
    return {
      do: 'wait',
      ...(state.unresolved.next_at === undefined ? {} : { until: state.unresolved.next_at }),
      ...(state.review ? { for: 'review' as const } : {}),
    };
  }
  if (state.recheck) return { do: 'find_out', key: state.recheck };
  if (state.closed) return state.payment_open ? { do: 'cancel_payment' } : { do: 'finish' };
  if (state.review) return { do: 'wait', for: 'review' };
  if (state.paused) return { do: 'wait' };
  if (state.look_up) return { do: 'look_up', gateway_payment_ref: state.look_up };
  return nextAttempt(state, now);
}

/** Claimed, and not to be charged any more: what was heard in between forbids it. */
function revoked(state: RecoveryState): boolean {
  return state.ending !== undefined || state.review !== undefined || state.paused;
}

/**
 * Nothing ends a recovery while a charge is in doubt, except that somebody else was paid: then the doubtful charge, if
 * it succeeded, is the second one and goes back.
 */
function mayClose(state: RecoveryState): boolean {
  return state.unresolved === undefined || state.ending?.outcome === 'paid_elsewhere';
}

function nextAttempt(state: RecoveryState, now: number): Step {
  // A recovery that another one stands in the way of has not had its chance yet: its window does not run out meanwhile.
  if (state.blocked_until !== undefined && now < state.blocked_until) {
    return { do: 'wait', until: state.blocked_until, for: 'claim' };
  }
  if (now >= state.closes_at && (state.blocked_until === undefined || state.candidates.length === 0)) {
    return { do: 'close', ending: { outcome: 'exhausted', rule: 'window_over' }, keep_payment: false };
  }
  if (state.suspended_until !== undefined && now < state.suspended_until) {
    return { do: 'wait', until: Math.min(state.suspended_until, state.closes_at), for: 'customer_status' };
  }
  const candidate = earliest(state.candidates);
  if (candidate && candidate.not_before <= now) {
    return { do: 'claim', candidate, n: attemptsOn(state, candidate.payment_method_id) + 1 };
  }
  const until = Math.min(state.closes_at, candidate?.not_before ?? state.closes_at);
  return candidate ? { do: 'wait', until } : { do: 'wait', until, for: waitsFor(state) };
}

/** The first candidate in order among those that come earliest. */
export function earliest(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>(
    (best, candidate) => (best === undefined || candidate.not_before < best.not_before ? candidate : best),
    undefined,
  );
}

/** How many attempts on this method the obligation has seen, over all runs: they number the next one's key. */
export function attemptsOn(state: RecoveryState, paymentMethodId: string): number {
  return state.attempts.filter((attempt) => attempt.payment_method_id === paymentMethodId).length;
}

function waitsFor(state: RecoveryState): 'authentication' | 'method' {
  return state.class === 'AUTH' || state.attempts.some((attempt) => attempt.class === 'AUTH')
    ? 'authentication'
    : 'method';
}
