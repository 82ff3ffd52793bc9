import { afterClaim, afterUnresolvedAttempt, afterRecording, queueRefund } from './attempts.ts';
import { afterNotCancelled, cancelNow } from './cancelling.ts';
import { prependCandidates } from './candidates.ts';
import { endCascadeIfDone } from './cascade.ts';
import type { RecoverySnapshot } from './claims.ts';
import { afterClosing, afterUnexpectedSuccess, endRecovery, paidElsewhere } from './closing.ts';
import { CONSENT_REVOKED, FRAUD_KNOWN, reclassifyUnpaid, isStop, stop, fraudReportsOf } from './strategy.ts';
import { afterResolving, recheckNow, recheckCharge, reviewCameBack, resumeClock } from './unresolved.ts';
import { afterCustomerStatus, afterRefresh } from './refresh.ts';
import { outranksSettlementReview } from './settlement.ts';
import type { Candidate, Ending, Fact, RecoveryState } from './state.ts';
import { type AttemptStatus, PAYMENT_NOT_OURS } from './status.ts';

/** The state after `fact`. @returns a new state; the given one is never modified */
export function evolve(state: RecoveryState, fact: Fact): RecoveryState {
  return endCascadeIfDone(apply(state, fact));
}

function apply(state: RecoveryState, fact: Fact): RecoveryState {
  switch (fact.fact) {
    case 'noted':
      return noteFailure(state, fact.recovery);
    case 'looked_up':
      return afterLookUp(state, fact.payment, fact.at);
    case 'claim_answered':
      return afterClaim(state, fact.candidate, fact.claim, fact.at);
    case 'charge_answered':
      return state.claim ? { ...state, to_record: { key: state.claim.key, answer: fact.answer } } : state;
    case 'found_out':
      return afterResolving(state, fact.key, fact.found, fact.at);
    case 'attempt_recorded':
      return afterRecording(state, fact.recorded, fact.at, fact.retry_after_ms);
    case 'flagged_for_review':
      return state.review
        ? { ...state, review: { ...state.review, flagged: true }, stopped_at: state.stopped_at ?? fact.at }
        : state;
    case 'closed':
      return afterClosing(state, fact.obligation, fact.payment_open);
    case 'closing_in_doubt':
      return afterUnresolvedAttempt(state, fact.attempt, fact.at);
    case 'already_succeeded':
      return afterUnexpectedSuccess(state, fact.came_back ?? false);
    case 'payment_cancelled':
      return { ...state, payment_open: false, cancelling: undefined };
    case 'not_cancelled':
      return afterNotCancelled(fact.ending ? endRecovery(state, fact.ending) : state, fact.payment, fact.at);
    case 'refunded':
      return {
        ...state,
        refunds: state.refunds.filter((key) => key !== fact.key),
        notices: fact.notify
          ? [...state.notices, { template: 'refund_issued', stage: fact.key }]
          : state.notices,
      };
    case 'clock_kept':
      return { ...state, stored_clock: fact.clock };
    case 'noticed':
      return {
        ...state,
        notified_at: fact.at,
        notices: state.notices.filter(
          ({ template, stage }) => template !== fact.notice.template || stage !== fact.notice.stage,
        ),
      };
    case 'reread':
      return afterRefresh(state, fact.found, fact.at);
    case 'customer_status':
      return afterCustomerStatus(state, fact.status, fact.at);
    case 'authenticated':
      return afterAuthentication(state, fact);
    case 'fraud_reported':
      return { ...state, fraud_reports: state.fraud_reports.slice(1) };
    case 'claim_freed':
      return {
        ...state,
        blocked_until: undefined,
        candidates: state.candidates.map((one) => (one.blocked ? unblock(one) : one)),
      };
    case 'method_added':
      return addMethod(state, fact.payment_method_id, fact.event_id);
    case 'consent_revoked':
      return state.closed || state.ending ? state : stop(state, 'STOP', CONSENT_REVOKED);
    case 'fraud_known':
      return state.closed || state.ending ? state : stop(state, 'FRAUD', FRAUD_KNOWN);
    case 'settled':
      return paidElsewhere(state, fact.payment_ref, fact.rule);
    case 'settlement_in_review':
      return afterSettlementReview(state, fact.rule, fact.at);
    case 'crossed':
      return queueRefund(afterSecondSuccess(state, fact.ending), fact.key);
    case 'cancelled':
      return endRecovery(state, { outcome: 'cancelled', rule: 'cancelled' });
    case 'charge_heard':
      return recheckCharge(state, fact.key, fact.at);
    case 'resolved_by_person':
      return applyResolution(state, fact.key, fact.result);
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
  if (!isStop(failure.class)) return state;
  return stop(
    { ...state, fraud_reports: [...state.fraud_reports, ...fraudReportsOf(recovery)] },
    failure.class,
    failure.rule,
  );
}

/** An operator has to review it, as already set in the graph. */
function afterSettlementReview(state: RecoveryState, rule: string, at: number): RecoveryState {
  if (state.closed || state.ending || (state.review && outranksSettlementReview(state.review.rule)))
    return state;
  return { ...state, review: { rule, flagged: true }, stopped_at: state.stopped_at ?? at };
}

/** The first payment counts. A later success of Persona's is refunded: the customer has paid externally. */
function afterSecondSuccess(state: RecoveryState, ending: Ending): RecoveryState {
  const notices =
    ending.outcome === 'recovered'
      ? state.notices
      : state.notices.filter(({ template }) => template !== 'recovered');
  return { ...state, ending, rule: ending.rule, notices };
}

/** The customer has authenticated at the gateway; the payment's state there decides. */
function afterAuthentication(
  state: RecoveryState,
  { payment, gateway_ref, at }: Extract<Fact, { fact: 'authenticated' }>,
): RecoveryState {
  if (state.closed || state.ending || state.unresolved) return state;
  const asked = state.attempts.findLast((attempt) => attempt.class === 'AUTH') ?? state.attempts.at(-1);
  switch (payment) {
    case 'succeeded':
      return asked
        ? { ...state, recheck: recheckNow(asked.key) }
        : { ...state, ending: { outcome: 'paid_elsewhere', rule: 'gateway_payment_succeeded' } };
    case 'came_back':
      return reviewCameBack(state);
    case 'confirmable': {
      const payment_method_id = asked?.payment_method_id ?? state.failed_payment_method_id;
      const again: Candidate = { payment_method_id, not_before: 0, reason: 'authenticated' };
      return { ...state, candidates: prependCandidates([again], state.candidates) };
    }
    case 'processing':
      // Nothing else is charged until its outcome is known.
      return gateway_ref === undefined ? state : stillProcessing({ ...state, lookup_ref: gateway_ref }, at);
    default:
      return state;
  }
}

/** The attempt since the opening that requires authentication. */
function authenticatingAttempt({ attempts, opened_at }: RecoveryState): AttemptStatus | undefined {
  return attempts.findLast(
    (attempt) => attempt.class === 'AUTH' && Date.parse(attempt.started_at) >= opened_at,
  );
}

function afterLookUp(
  state: RecoveryState,
  payment: Extract<Fact, { fact: 'looked_up' }>['payment'],
  at: number,
): RecoveryState {
  if (payment === 'processing' && !state.ending) return stillProcessing(state, at);
  const read = { ...state, lookup_ref: undefined, processing: undefined };
  const done = state.processing ? resumeClock(read, at) : read;
  switch (payment) {
    case 'adopted':
    case 'cancelled':
      return reclassifyUnpaid(done);
    case 'processing':
      return done;
    case 'succeeded': {
      // The customer has completed an attempt of Persona's; the gateway is queried for the attempt that succeeded.
      const ownAttempt = authenticatingAttempt(state);
      return ownAttempt && !state.ending
        ? { ...done, recheck: recheckNow(ownAttempt.key) }
        : { ...done, ending: { outcome: 'paid_elsewhere', rule: 'gateway_payment_succeeded' } };
    }
    case 'came_back':
      return reviewCameBack(done);
    case 'not_ours':
      if (state.ending) return done;
      return { ...done, review: { rule: PAYMENT_NOT_OURS, flagged: false } };
  }
}

/** An external bank debit takes days: nothing is charged meanwhile, and the recovery does not end. */
function stillProcessing(state: RecoveryState, at: number): RecoveryState {
  const tries = state.processing?.tries ?? 0;
  const wait = state.policy.pending[tries];
  const stopped_at = state.stopped_at ?? at;
  if (wait !== undefined)
    return { ...state, stopped_at, processing: { tries: tries + 1, next_at: at + wait } };
  const review = { rule: 'gateway_payment_processing', flagged: false };
  return { ...state, stopped_at, lookup_ref: undefined, processing: undefined, review };
}

/** The number of latest events kept for deduplication. */
const MAX_HANDLED_EVENTS = 100;

function addMethod(
  state: RecoveryState,
  paymentMethodId: string,
  eventId: string | undefined,
): RecoveryState {
  if (state.closed || state.ending) return state;
  if (eventId !== undefined && state.handled_event_ids.includes(eventId)) return state;
  const handled_event_ids =
    eventId === undefined
      ? state.handled_event_ids
      : [...state.handled_event_ids, eventId].slice(-MAX_HANDLED_EVENTS);
  const added: Candidate = { payment_method_id: paymentMethodId, not_before: 0, reason: 'added' };
  return { ...state, handled_event_ids, candidates: prependCandidates([added], state.candidates) };
}

/** Applies an operator's resolution of an unresolved attempt; `declined` has class LATER. */
function applyResolution(state: RecoveryState, key: string, result: 'approved' | 'declined'): RecoveryState {
  if (state.unresolved?.key !== key) return state;
  if (result === 'approved') return { ...state, to_record: { key, answer: { result } } };
  const { came_back: gateway_ref } = state.unresolved;
  const endedPayment = gateway_ref === undefined ? {} : ({ gateway_ref, payment_over: true } as const);
  const answer = { result, codes: { reason: 'resolved by an operator' }, ...endedPayment } as const;
  return { ...state, to_record: { key, answer } };
}

/** An operator requests a retry now: Persona's delays are skipped, but ceilings, consent and the claim still apply. */
function retryNow(state: RecoveryState, alternatives: string[], at: number): RecoveryState {
  if (state.cancelling) return cancelNow(state, at);
  if (state.closed || state.ending || state.unresolved) return state;
  const listed = new Set(state.candidates.map((candidate) => candidate.payment_method_id));
  const more: Candidate[] = alternatives
    .filter((id) => !listed.has(id))
    .map((id) => ({ payment_method_id: id, not_before: 0, reason: 'alternative' }));
  const candidates = [...retryOfFailedMethod(state, listed), ...state.candidates.map(unblock), ...more];
  const unblocked = {
    ...state,
    review: undefined,
    processing: undefined,
    blocked_until: undefined,
    suspended_until: undefined,
  };
  return { ...resumeClock(unblocked, at), candidates };
}

function unblock({ blocked: _, ...candidate }: Candidate): Candidate {
  return { ...candidate, not_before: 0 };
}

/** After a configuration, technical or temporary failure the failed method itself is retried, too. */
function retryOfFailedMethod(state: RecoveryState, listed: ReadonlySet<string>): Candidate[] {
  const { class: failureClass, failed_payment_method_id } = state;
  const mayWork = failureClass === 'CONFIG' || failureClass === 'TECH' || failureClass === 'LATER';
  if (!mayWork || listed.has(failed_payment_method_id)) return [];
  return [{ payment_method_id: failed_payment_method_id, not_before: 0, reason: 'same_method' }];
}
