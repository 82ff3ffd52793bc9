import { CONSENT_REVOKED, endCascadeIfDone, fraudReportsOf, FRAUD_KNOWN, isStop } from './cascade.ts';
import { afterClaim, afterRecording, afterUnresolvedAttempt } from './charges.ts';
import type { RecoverySnapshot } from './claims.ts';
import { stopClock } from './clock.ts';
import { afterClosing, afterNotCancelled, afterSecondSuccess, endRecovery, settle, stop } from './ending.ts';
import { outranksSettlementReview } from './settlement.ts';
import { type DueNotice, type Fact, type RecoveryState, withEffects } from './state.ts';
import { afterReport, afterResolution, afterResolving, afterUnexpectedSuccess } from './unresolved.ts';
import {
  addMethod,
  afterAuthentication,
  afterClaimFreed,
  afterCustomerStatus,
  afterLookUp,
  afterRefresh,
  retryNow,
} from './waiting.ts';

/** The state after `fact`. @returns a new state; the given one is never modified */
export function evolve(state: RecoveryState, fact: Fact): RecoveryState {
  return endCascadeIfDone(apply(state, fact));
}

function apply(state: RecoveryState, fact: Fact): RecoveryState {
  const { effects } = state;
  switch (fact.fact) {
    case 'looked_up':
      return afterLookUp(state, fact.payment, fact.at);
    case 'claim_answered':
      return afterClaim(state, fact.candidate, fact.claim, fact.at);
    case 'charge_answered':
      return state.charge?.state === 'claimed'
        ? { ...state, charge: { ...state.charge, answer: fact.answer } }
        : state;
    case 'attempt_recorded':
      return afterRecording(state, fact.recorded, fact.at, fact.retry_after_ms);
    case 'charge_resolved':
      return afterResolving(state, fact.key, fact.found, fact.at);
    case 'charge_reported':
      return afterReport(state, fact.key, fact.at);
    case 'resolved_by_operator':
      return afterResolution(state, fact.key, fact.result);

    case 'noted':
      return noteFailure(state, fact.recovery);
    case 'consent_revoked':
      return stop(state, 'STOP', CONSENT_REVOKED);
    case 'fraud_known':
      return stop(state, 'FRAUD', FRAUD_KNOWN);
    case 'cancelled':
      return endRecovery(state, { outcome: 'cancelled', rule: 'cancelled' });
    case 'settled':
      return settle(state, fact.payment_ref, fact.rule ?? 'settled');
    case 'settlement_in_review':
      return afterSettlementReview(state, fact.rule, fact.at);
    case 'second_success':
      return afterSecondSuccess(state, fact.ending, fact.key);

    case 'closed':
      return afterClosing(state, fact.obligation, fact.payment_open);
    case 'closing_unresolved':
      return afterUnresolvedAttempt(state, fact.attempt, fact.at);
    case 'already_succeeded':
      return afterUnexpectedSuccess(state, fact.came_back ?? false);
    case 'not_cancelled':
      return afterNotCancelled(fact.ending ? endRecovery(state, fact.ending) : state, fact.payment, fact.at);
    case 'payment_cancelled':
      return state.phase.name === 'closed'
        ? { ...state, phase: { ...state.phase, payment_open: false, cancelling: undefined } }
        : state;

    case 'refunded': {
      const refunds = effects.refunds.filter((key) => key !== fact.key);
      const notice: DueNotice = { template: 'refund_issued', stage: fact.key };
      return withEffects(state, {
        refunds,
        notices: fact.notify ? [...effects.notices, notice] : effects.notices,
      });
    }
    case 'fraud_reported':
      return withEffects(state, { fraud_reports: effects.fraud_reports.slice(1) });
    case 'notified': {
      const { template, stage } = fact.notice;
      const notices = effects.notices.filter((one) => one.template !== template || one.stage !== stage);
      return withEffects({ ...state, notified_at: fact.at }, { notices });
    }
    case 'clock_stored':
      return { ...state, clock: { ...state.clock, stored: fact.clock } };
    case 'flagged_for_review':
      return state.review
        ? {
            ...state,
            review: { ...state.review, flagged: true },
            clock: stopClock(state.clock, fact.at),
          }
        : state;

    case 'refreshed':
      return afterRefresh(state, fact.found, fact.at);
    case 'customer_status':
      return afterCustomerStatus(state, fact.status, fact.at);
    case 'authenticated':
      return afterAuthentication(state, fact);
    case 'claim_freed':
      return afterClaimFreed(state);
    case 'method_added':
      return addMethod(state, fact.payment_method_id, fact.event_id);
    case 'paused':
      return { ...state, paused: true };
    case 'resumed':
      return { ...state, paused: false };
    case 'retry_now':
      return retryNow(state, fact.alternatives, fact.at);
  }
}

function noteFailure(state: RecoveryState, recovery: RecoverySnapshot): RecoveryState {
  const { failure } = recovery;
  if (state.phase.name !== 'open' || !isStop(failure.class)) return state;
  const fraud_reports = [...state.effects.fraud_reports, ...fraudReportsOf(recovery)];
  return stop(withEffects(state, { fraud_reports }), failure.class, failure.rule);
}

/** An operator has to review it, as already set in the graph. */
function afterSettlementReview(state: RecoveryState, rule: string, at: number): RecoveryState {
  const { phase, review, clock } = state;
  if (phase.name !== 'open' || (review && outranksSettlementReview(review.rule))) return state;
  return { ...state, review: { rule, flagged: true }, clock: stopClock(clock, at) };
}
