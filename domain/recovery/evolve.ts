import type { Claim, ClosedObligation, RecordedAttempt, RecoverySnapshot } from './claims.ts';
import { settled } from './cascade.ts';
import { courseOf, stop, suspicionOf } from './course.ts';
import { BLOCKED_RETRY_MS, SUSPENDED_RETRY_MS } from './decide.ts';
import { afterFindingOut, doubtAbout, hear, thaw } from './doubt.ts';
import type { Candidate, DueNotice, Fact, RecoveryState } from './state.ts';
import type { AttemptStatus } from './status.ts';

/** Back-off after a charge that never reached the gateway: doubles from the first to the longest. */
const UNSENT_FIRST_RETRY_MS = 5_000;
const UNSENT_LONGEST_RETRY_MS = 3_600_000;

/** What is true after `fact`. @returns a new state; the given one is never changed */
export function evolve(state: RecoveryState, fact: Fact): RecoveryState {
  return settled(apply(state, fact));
}

function apply(state: RecoveryState, fact: Fact): RecoveryState {
  switch (fact.fact) {
    case 'noted':
      return noteFailure(state, fact.recovery);
    case 'looked_up':
      return afterLookUp(state, fact.payment);
    case 'claim_answered':
      return afterClaim(state, fact.candidate, fact.claim, fact.at);
    case 'charge_answered':
      return state.claim ? { ...state, to_record: { key: state.claim.key, answer: fact.answer } } : state;
    case 'found_out':
      return afterFindingOut(state, fact.key, fact.found, fact.at);
    case 'attempt_recorded':
      return afterRecording(state, fact.recorded, fact.at, fact.retry_after_ms);
    case 'flagged_for_review':
      return state.review
        ? { ...state, review: { ...state.review, flagged: true }, frozen_at: state.frozen_at ?? fact.at }
        : state;
    case 'closed':
      return afterClosing(state, fact.obligation, fact.payment_open);
    case 'already_succeeded':
      return afterUnexpectedSuccess(state);
    case 'payment_cancelled':
      return { ...state, payment_open: false };
    case 'refunded':
      return {
        ...state,
        refunds: state.refunds.filter((key) => key !== fact.key),
        notices: fact.told
          ? [...state.notices, { template: 'refund_issued', stage: fact.key }]
          : state.notices,
      };
    case 'noticed':
      return { ...state, notices: state.notices.slice(1) };
    case 'fraud_reported':
      return { ...state, reports: state.reports.slice(1) };
    case 'claim_freed':
      return { ...state, blocked_until: undefined };
    case 'method_added':
      return addMethod(state, fact.payment_method_id, fact.event_id);
    case 'consent_revoked':
      return state.closed || state.ending ? state : stop(state, 'STOP', 'consent_revoked');
    case 'settled':
      return end(state, { outcome: 'paid_elsewhere', rule: fact.rule });
    case 'cancelled':
      return end(state, { outcome: 'cancelled', rule: 'cancelled' });
    case 'charge_heard':
      return hear(state, fact.key, fact.at);
    case 'resolved_by_person':
      return resolve(state, fact.key, fact.result);
    case 'paused':
      return { ...state, paused: true };
    case 'resumed':
      return { ...state, paused: false };
    case 'retry_now':
      return retryNow(state, fact.alternatives, fact.at);
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
      return { ...afterClosing(unblocked, claim.obligation, false), notices: [] };
    case 'refused':
      if (claim.obligation) return { ...afterClosing(unblocked, claim.obligation, false), notices: [] };
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
  const rest = state.candidates.filter((one) => one.payment_method_id !== attempt.payment_method_id);
  const noted: RecoveryState = {
    ...state,
    attempts,
    candidates: rest,
    claim: undefined,
    to_record: undefined,
  };
  if (attempt.state === 'unknown' || attempt.state === 'pending') return doubtAbout(noted, attempt, at);
  const known = certain(noted, attempt, at);
  switch (attempt.state) {
    case 'approved':
      return recorded.overpaid ? giveBack(known, attempt.key) : recovered(known);
    case 'void':
      return known.ending || known.review || known.closed
        ? known
        : { ...known, candidates: afterUnsent(state, rest, attempts, attempt, at, retryAfterMs) };
    case 'declined':
      return afterDecline(known, recorded);
    case 'in_flight':
      return known;
  }
}

/** The doubt about this attempt is over, and with it a review that was about nothing else. */
function certain(state: RecoveryState, attempt: AttemptStatus, at: number): RecoveryState {
  if (state.unresolved && state.unresolved.key !== attempt.key) return state;
  const wasAboutIt = state.unresolved !== undefined;
  const cleared = { ...state, unresolved: undefined, ...(wasAboutIt ? { review: undefined } : {}) };
  return cleared.review ? cleared : thaw(cleared, at);
}

function recovered(state: RecoveryState): RecoveryState {
  return {
    ...state,
    ending: { outcome: 'recovered', rule: 'approved' },
    closed: true,
    rule: 'approved',
    candidates: [],
    notices: [{ template: 'recovered', stage: '1' }],
  };
}

function giveBack(state: RecoveryState, key: string): RecoveryState {
  return state.policy.refundDuplicate ? { ...state, refunds: [...state.refunds, key] } : state;
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

/** Ended from outside. A charge in doubt is still found out before the run is over. */
function end(state: RecoveryState, ending: NonNullable<RecoveryState['ending']>): RecoveryState {
  if (state.closed || state.ending) return state;
  return { ...state, candidates: [], look_up: undefined, review: undefined, notices: [], ending };
}

function afterClosing(
  state: RecoveryState,
  obligation: ClosedObligation,
  paymentOpen: boolean,
): RecoveryState {
  return {
    ...state,
    ending: { outcome: obligation.outcome, rule: obligation.rule },
    rule: obligation.rule,
    closed: true,
    payment_open: paymentOpen,
    review: undefined,
    candidates: [],
    attempts: obligation.attempts,
    notices: closingNotices(state, obligation),
  };
}

function closingNotices(state: RecoveryState, obligation: ClosedObligation): DueNotice[] {
  const one = (template: DueNotice['template']): DueNotice[] => [{ template, stage: '1' }];
  switch (obligation.outcome) {
    case 'recovered':
      return one('recovered');
    case 'stopped':
      if (obligation.rule === 'not_recurring') return [];
      return one(obligation.rule === 'fraud' ? 'payment_declined_update_card' : 'payment_stopped');
    case 'exhausted':
      // Without a window the notice of the cascade's end has said it already.
      return state.policy.window > 0 ? one('recovery_ended') : [];
    case 'paid_elsewhere':
    case 'cancelled':
      return [];
  }
}

/** The payment to be cancelled had succeeded: the newest attempt on it must have made it, or else somebody else. */
function afterUnexpectedSuccess(state: RecoveryState): RecoveryState {
  const newest = state.attempts.at(-1)?.key;
  if (state.closed) return { ...state, payment_open: false, recheck: newest };
  return newest === undefined
    ? { ...state, ending: { outcome: 'paid_elsewhere', rule: 'gateway_payment_succeeded' } }
    : { ...state, ending: undefined, notices: [], recheck: newest };
}

/** So many of the newest events are remembered. */
const HEARD_AT_MOST = 100;

function addMethod(
  state: RecoveryState,
  paymentMethodId: string,
  eventId: string | undefined,
): RecoveryState {
  if (state.closed || state.ending) return state;
  if (eventId !== undefined && state.heard.includes(eventId)) return state;
  const heard = eventId === undefined ? state.heard : [...state.heard, eventId].slice(-HEARD_AT_MOST);
  const added: Candidate = { payment_method_id: paymentMethodId, not_before: 0, why: 'added' };
  const rest = state.candidates.filter((candidate) => candidate.payment_method_id !== paymentMethodId);
  return { ...state, heard, candidates: [added, ...rest] };
}

/** A person's word about an attempt that nobody could find out about; `declined` is of class LATER. */
function resolve(state: RecoveryState, key: string, result: 'approved' | 'declined'): RecoveryState {
  if (state.unresolved?.key !== key) return state;
  const answer =
    result === 'approved'
      ? ({ result } as const)
      : ({ result, codes: { reason: 'resolved by a person' } } as const);
  return { ...state, to_record: { key, answer } };
}

/** A person wants it tried now: no wait of ours holds, but ceilings, consent and the claim still do. */
function retryNow(state: RecoveryState, alternatives: string[], at: number): RecoveryState {
  if (state.closed || state.ending || state.unresolved) return state;
  const listed = new Set(state.candidates.map((candidate) => candidate.payment_method_id));
  const more: Candidate[] = alternatives
    .filter((id) => !listed.has(id))
    .map((id) => ({ payment_method_id: id, not_before: 0, why: 'alternative' }));
  const candidates = [...state.candidates.map((candidate) => ({ ...candidate, not_before: 0 })), ...more];
  const free = { ...state, review: undefined, blocked_until: undefined, suspended_until: undefined };
  return { ...thaw(free, at), candidates };
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

function upsert(attempts: AttemptStatus[], attempt: AttemptStatus): AttemptStatus[] {
  const known = attempts.some((other) => other.key === attempt.key);
  return known
    ? attempts.map((other) => (other.key === attempt.key ? attempt : other))
    : [...attempts, attempt];
}

function without(candidates: Candidate[], candidate: Candidate): Candidate[] {
  return candidates.filter((other) => other.payment_method_id !== candidate.payment_method_id);
}

function replace(candidates: Candidate[], candidate: Candidate, by: Candidate): Candidate[] {
  return candidates.map((other) => (other.payment_method_id === candidate.payment_method_id ? by : other));
}
