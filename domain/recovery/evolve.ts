import type { DeclineClass } from '../decline/classify.ts';
import type { NoticeTemplate } from '../ports.ts';
import type { Claim, ClosedObligation, RecordedAttempt, RecoverySnapshot } from './claims.ts';
import { BLOCKED_RETRY_MS, SUSPENDED_RETRY_MS } from './decide.ts';
import type { Candidate, Fact, RecoveryState } from './state.ts';
import type { AttemptStatus } from './status.ts';

/** `TECH`: the failed method once more after this, before the cascade (specification: workflows 2, step 1). */
export const TECH_RETRY_MS = 60_000;
/** Back-off after a charge that never reached the gateway: doubles from the first to the longest. */
const UNSENT_FIRST_RETRY_MS = 5_000;
const UNSENT_LONGEST_RETRY_MS = 3_600_000;

/** How a class steers the recovery when it is met on the failed method or on an alternative. */
type Course = 'cascade' | 'cascade_after_retry' | 'wait_for_method' | 'stop' | 'review';

function courseOf(declineClass: DeclineClass, cascadeOnHard: boolean): Course {
  switch (declineClass) {
    case 'FRAUD':
    case 'STOP':
      return 'stop';
    case 'HARD':
      return cascadeOnHard ? 'cascade' : 'wait_for_method';
    case 'CONFIG':
    case 'UNKNOWN':
      return 'review';
    case 'TECH':
      return 'cascade_after_retry';
    case 'FIX':
    case 'AUTH':
    case 'LATER':
      return 'cascade';
  }
}

/** The state of a run that begins: from a failure just opened, or from whatever an earlier run left behind. */
export function begin(recovery: RecoverySnapshot): RecoveryState {
  const state: RecoveryState = {
    payment_id: recovery.payment_id,
    customer_id: recovery.customer_id,
    amount: recovery.amount,
    currency: recovery.currency,
    failed_payment_method_id: recovery.failed_payment_method_id,
    class: recovery.failure.class,
    rule: recovery.failure.rule,
    opened_at: recovery.opened_at,
    closes_at: recovery.closes_at,
    policy: recovery.policy,
    attempts: recovery.attempts,
    candidates: [],
    cascade_ended: false,
    closed: false,
    reports: suspicionOf(recovery),
    ...(recovery.gateway_payment_ref ? { look_up: recovery.gateway_payment_ref } : {}),
  };
  return afterwards(steer(state, recovery));
}

function steer(state: RecoveryState, recovery: RecoverySnapshot): RecoveryState {
  const { failure } = recovery;
  const unresolved = recovery.attempts.find((attempt) => isUnresolved(attempt));
  if (recovery.state === 'needs_review')
    return { ...state, review: { rule: 'resumed_in_review', flagged: true } };
  if (unresolved) return { ...state, review: { rule: `attempt_${unresolved.state}`, flagged: false } };
  if (recovery.kind === 'one_time') {
    // The customer is present and may already be paying otherwise: never charged, never written to.
    return { ...state, look_up: undefined, ending: { outcome: 'stopped', rule: 'not_recurring' } };
  }
  if (failure.class === 'STOP' || failure.class === 'FRAUD') return stop(state, failure.class, failure.rule);
  if (failure.status !== 'declined' && !recovery.gateway_payment_ref) {
    return { ...state, review: { rule: `reported_${failure.status}`, flagged: false } };
  }
  switch (courseOf(failure.class, recovery.policy.cascadeOnHard)) {
    case 'stop':
      return stop(state, failure.class, failure.rule);
    case 'review':
      return { ...state, review: { rule: failure.rule, flagged: false } };
    case 'wait_for_method':
      return { ...state, cascade_ended: true, notice: 'payment_declined_update_card' };
    case 'cascade_after_retry': {
      const again: Candidate = {
        payment_method_id: recovery.failed_payment_method_id,
        not_before: recovery.opened_at + TECH_RETRY_MS,
        why: 'same_method',
      };
      const rest = alternativesOf(recovery).map((candidate) => ({
        ...candidate,
        not_before: again.not_before,
      }));
      return { ...state, candidates: wasTried(recovery, again.payment_method_id) ? rest : [again, ...rest] };
    }
    case 'cascade':
      return { ...state, candidates: alternativesOf(recovery) };
  }
}

/** What is true after `fact`. @returns a new state; the given one is never changed */
export function evolve(state: RecoveryState, fact: Fact): RecoveryState {
  return afterwards(apply(state, fact));
}

function apply(state: RecoveryState, fact: Fact): RecoveryState {
  switch (fact.fact) {
    case 'opened':
      return begin(fact.recovery);
    case 'noted':
      return noteFailure(state, fact.recovery);
    case 'looked_up':
      return afterLookUp(state, fact.payment);
    case 'claim_answered':
      return afterClaim(state, fact.candidate, fact.claim, fact.at);
    case 'charge_answered':
      return { ...state, answer: fact.answer };
    case 'attempt_recorded':
      return afterRecording(state, fact.recorded, fact.at, fact.retry_after_ms);
    case 'flagged_for_review':
      return state.review ? { ...state, review: { ...state.review, flagged: true } } : state;
    case 'closed':
      return afterClosing(state, fact.obligation);
    case 'close_refused':
      return {
        ...state,
        ending: undefined,
        notice: undefined,
        review: { rule: 'payment_already_succeeded', flagged: false },
      };
    case 'noticed':
      return { ...state, notice: undefined };
    case 'fraud_reported':
      return { ...state, reports: state.reports.slice(1) };
    case 'claim_freed':
      return { ...state, blocked_until: undefined };
    case 'method_added':
      return addMethod(state, fact.payment_method_id);
    case 'settled':
      return state.closed
        ? state
        : { ...state, review: undefined, ending: { outcome: 'paid_elsewhere', rule: fact.rule } };
  }
}

function noteFailure(state: RecoveryState, recovery: RecoverySnapshot): RecoveryState {
  if (state.closed || state.ending) return state;
  const { failure } = recovery;
  if (failure.class !== 'STOP' && failure.class !== 'FRAUD') return state;
  return stop(
    { ...state, reports: [...state.reports, ...suspicionOf(recovery)] },
    failure.class,
    failure.rule,
  );
}

function afterLookUp(
  state: RecoveryState,
  payment: Extract<Fact, { fact: 'looked_up' }>['payment'],
): RecoveryState {
  const done = { ...state, look_up: undefined };
  switch (payment) {
    case 'adopted':
    case 'cancelled':
      return done;
    case 'succeeded':
      return { ...done, ending: { outcome: 'paid_elsewhere', rule: 'gateway_payment_succeeded' } };
    case 'processing':
      return { ...done, review: { rule: 'gateway_payment_processing', flagged: false } };
    case 'not_ours':
      return { ...done, review: { rule: 'gateway_payment_not_ours', flagged: false } };
  }
}

function afterClaim(state: RecoveryState, candidate: Candidate, claim: Claim, at: number): RecoveryState {
  const unblocked = { ...state, blocked_until: undefined, suspended_until: undefined };
  switch (claim.result) {
    case 'claimed':
      return { ...unblocked, claim: claim.attempt };
    case 'resolved':
      // An earlier run claimed and resolved it: its outcome counts, and the next claim takes the next number.
      return { ...unblocked, attempts: upsert(state.attempts, claim.attempt) };
    case 'blocked':
      return claim.by === state.payment_id
        ? { ...state, review: { rule: 'attempt_unresolved', flagged: false } }
        : { ...state, blocked_until: at + BLOCKED_RETRY_MS };
    case 'already_paid':
      return { ...afterClosing(unblocked, claim.obligation), notice: undefined };
    case 'refused':
      if (claim.obligation) return { ...afterClosing(unblocked, claim.obligation), notice: undefined };
      if (claim.rule === 'customer_suspended') return { ...state, suspended_until: at + SUSPENDED_RETRY_MS };
      if (claim.rule === 'under_review') return { ...unblocked, review: { rule: claim.rule, flagged: true } };
      return {
        ...unblocked,
        candidates:
          claim.until === undefined
            ? without(state.candidates, candidate)
            : replace(state.candidates, candidate, { ...candidate, not_before: claim.until }),
      };
  }
}

function afterRecording(
  state: RecoveryState,
  recorded: RecordedAttempt,
  at: number,
  retryAfterMs: number | undefined,
): RecoveryState {
  const { attempt } = recorded;
  const attempts = upsert(state.attempts, attempt);
  const rest = state.candidates.filter(
    (candidate) => candidate.payment_method_id !== attempt.payment_method_id,
  );
  const next: RecoveryState = { ...state, attempts, candidates: rest, claim: undefined, answer: undefined };
  switch (attempt.state) {
    case 'approved':
      return {
        ...next,
        ending: { outcome: 'recovered', rule: 'approved' },
        closed: true,
        rule: 'approved',
        notice: 'recovered',
      };
    case 'pending':
    case 'unknown':
    case 'in_flight':
      return { ...next, review: { rule: `attempt_${attempt.state}`, flagged: false } };
    case 'void':
      return state.ending || state.review
        ? next
        : { ...next, candidates: afterUnsent(state, rest, attempts, attempt, at, retryAfterMs) };
    case 'declined':
      return afterDecline(next, recorded);
  }
}

function afterDecline(state: RecoveryState, recorded: RecordedAttempt): RecoveryState {
  const { attempt } = recorded;
  const declineClass = attempt.class ?? 'LATER';
  const reports: RecoveryState['reports'] = recorded.tell_chimera
    ? [
        ...state.reports,
        {
          event_id: attempt.key,
          payment_method_id: attempt.payment_method_id,
          ...(attempt.code ? { code: attempt.code } : {}),
          occurred_at: attempt.resolved_at ?? attempt.started_at,
        },
      ]
    : state.reports;
  const next = { ...state, reports };
  if (next.ending) return next;
  // A dead alternative only drops out: it is the failed method's HARD that ends the cascade.
  const course = declineClass === 'HARD' ? 'cascade' : courseOf(declineClass, true);
  switch (course) {
    case 'stop':
      return stop(next, declineClass, attempt.rule ?? declineClass);
    case 'review':
      return { ...next, review: { rule: attempt.rule ?? declineClass, flagged: false } };
    default:
      return next;
  }
}

/** FRAUD and STOP: nothing is charged on any method any more. */
function stop(state: RecoveryState, declineClass: DeclineClass, rule: string): RecoveryState {
  return {
    ...state,
    class: declineClass,
    candidates: [],
    look_up: undefined,
    review: undefined,
    notice: undefined,
    ending: { outcome: 'stopped', rule: declineClass === 'FRAUD' ? 'fraud' : rule },
  };
}

function afterClosing(state: RecoveryState, obligation: ClosedObligation): RecoveryState {
  const ending = { outcome: obligation.outcome, rule: obligation.rule };
  return {
    ...state,
    ending,
    rule: obligation.rule,
    closed: true,
    review: undefined,
    candidates: [],
    attempts: obligation.attempts,
    notice: closingNotice(state, obligation),
  };
}

function closingNotice(state: RecoveryState, obligation: ClosedObligation): NoticeTemplate | undefined {
  switch (obligation.outcome) {
    case 'recovered':
      return 'recovered';
    case 'stopped':
      if (obligation.rule === 'not_recurring') return undefined;
      return obligation.rule === 'fraud' ? 'payment_declined_update_card' : 'payment_stopped';
    case 'exhausted':
      // Without a window the notice of the cascade's end has said it already.
      return state.policy.window > 0 ? 'recovery_ended' : undefined;
    case 'paid_elsewhere':
    case 'cancelled':
      return undefined;
  }
}

function addMethod(state: RecoveryState, paymentMethodId: string): RecoveryState {
  if (state.closed || state.ending) return state;
  const added: Candidate = { payment_method_id: paymentMethodId, not_before: 0, why: 'added' };
  const rest = state.candidates.filter((candidate) => candidate.payment_method_id !== paymentMethodId);
  return { ...state, candidates: [added, ...rest] };
}

/** The first cascade has ended when nothing is left to try; only then may the customer hear that it failed. */
function afterwards(state: RecoveryState): RecoveryState {
  const busy = state.claim || state.look_up || state.review || state.ending || state.closed;
  if (busy || state.cascade_ended || state.candidates.length > 0) return state;
  return { ...state, cascade_ended: true, notice: noticeOfFailedCascade(state) };
}

function noticeOfFailedCascade(state: RecoveryState): NoticeTemplate {
  const tried = state.attempts.filter((attempt) => attempt.state === 'declined');
  const authenticate = state.class === 'AUTH' || tried.some((attempt) => attempt.class === 'AUTH');
  if (authenticate) return 'authenticate';
  return tried.length === 0 ? 'no_alternative' : 'all_declined';
}

/**
 * The gateway could not be reached: the same method again after a back-off, and nobody else before it, because the
 * others would not reach it either and the order of the cascade stands.
 */
function afterUnsent(
  state: RecoveryState,
  rest: Candidate[],
  attempts: AttemptStatus[],
  { payment_method_id }: AttemptStatus,
  at: number,
  retryAfterMs = 0,
): Candidate[] {
  const unsent = attempts.filter(
    (one) => one.state === 'void' && one.payment_method_id === payment_method_id,
  ).length;
  const backOff = Math.min(UNSENT_FIRST_RETRY_MS * 2 ** Math.min(unsent - 1, 20), UNSENT_LONGEST_RETRY_MS);
  const not_before = at + Math.max(backOff, retryAfterMs);
  const why =
    state.candidates.find((one) => one.payment_method_id === payment_method_id)?.why ?? 'alternative';
  const others = rest.map((one) => ({ ...one, not_before: Math.max(one.not_before, not_before) }));
  return [{ payment_method_id, not_before, why }, ...others];
}

function alternativesOf(recovery: RecoverySnapshot): Candidate[] {
  return recovery.alternatives
    .filter((id) => !wasTried(recovery, id))
    .map((id) => ({ payment_method_id: id, not_before: 0, why: 'alternative' }));
}

/** Tried since this opening; an attempt that was never sent does not count. */
function wasTried(recovery: RecoverySnapshot, paymentMethodId: string): boolean {
  return recovery.attempts.some(
    (attempt) =>
      attempt.payment_method_id === paymentMethodId &&
      attempt.state !== 'void' &&
      Date.parse(attempt.started_at) >= recovery.opened_at,
  );
}

function suspicionOf(recovery: RecoverySnapshot): RecoveryState['reports'] {
  const { failure } = recovery;
  if (!failure.tell_chimera) return [];
  return [
    {
      event_id: failure.event_id,
      payment_method_id: failure.payment_method_id,
      ...(failure.code ? { code: failure.code } : {}),
      occurred_at: failure.occurred_at,
    },
  ];
}

function isUnresolved(attempt: AttemptStatus): boolean {
  return attempt.state === 'in_flight' || attempt.state === 'unknown' || attempt.state === 'pending';
}

function upsert(attempts: AttemptStatus[], attempt: AttemptStatus): AttemptStatus[] {
  const others = attempts.filter((other) => other.key !== attempt.key);
  return [...others, attempt];
}

function without(candidates: Candidate[], candidate: Candidate): Candidate[] {
  return candidates.filter((other) => other.payment_method_id !== candidate.payment_method_id);
}

function replace(candidates: Candidate[], candidate: Candidate, by: Candidate): Candidate[] {
  return candidates.map((other) => (other.payment_method_id === candidate.payment_method_id ? by : other));
}
