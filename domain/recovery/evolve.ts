import { CONSENT_REVOKED, endCascadeIfDone, fraudReportsOf, FRAUD_KNOWN, isStop } from './cascade.ts';
import { afterClaim, afterRecording } from './charges.ts';
import type { RecoverySnapshot } from './claims.ts';
import { stopClock } from './clock.ts';
import {
  afterClosing,
  afterNotCancelled,
  afterSecondSuccess,
  cancelNow,
  endRecovery,
  settle,
  stop,
} from './ending.ts';
import { outranksSettlementReview } from './settlement.ts';
import {
  type Fact,
  type FactWhileOpen,
  isOpen,
  type OpenRecovery,
  type RecoveryState,
  withDue,
} from './state.ts';
import {
  afterReport,
  afterResolution,
  afterResolving,
  afterUnexpectedSuccess,
  markUnresolved,
} from './unresolved.ts';
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
  const { phase, charge, review, clock, due } = state;
  switch (fact.fact) {
    case 'looked_up':
      return afterLookUp(state, fact.payment, fact.at);
    case 'charge_answered':
      return charge?.state === 'claimed' ? { ...state, charge: { ...charge, answer: fact.answer } } : state;
    case 'attempt_recorded':
      return afterRecording(state, fact.recorded, fact.at, fact.retry_after_ms);
    case 'charge_resolved':
      return afterResolving(state, fact.key, fact.found, fact.at);
    case 'charge_reported':
      return afterReport(state, fact.key, fact.at);
    case 'resolved_by_operator':
      return afterResolution(state, fact.key, fact.result);
    case 'settled':
      return settle(state, fact.payment_ref, fact.rule ?? 'settled');
    case 'second_success':
      return afterSecondSuccess(state, fact.ending, fact.key);
    case 'closed':
      return afterClosing(state, fact.obligation, fact.payment_open);
    case 'closing_unresolved':
      return markUnresolved(state, fact.attempt, fact.at);
    case 'already_succeeded':
      return afterUnexpectedSuccess(state, fact.reversed ?? false);
    case 'not_cancelled':
      return afterNotCancelled(state, fact.ending, fact.payment, fact.at);
    case 'payment_cancelled':
      return phase.name === 'closed'
        ? { ...state, phase: { ...phase, payment_open: false, cancelling: undefined } }
        : state;
    case 'refunded': {
      const refunds = due.refunds.filter((key) => key !== fact.key);
      const notice = { template: 'refund_issued', stage: fact.key } as const;
      return withDue(state, { refunds, notices: [...due.notices, ...(fact.notify ? [notice] : [])] });
    }
    case 'fraud_reported':
      return withDue(state, { fraud_reports: due.fraud_reports.slice(1) });
    case 'notified': {
      const { template, stage } = fact.notice;
      const notices = due.notices.filter((one) => one.template !== template || one.stage !== stage);
      return withDue({ ...state, notified_at: fact.at }, { notices });
    }
    case 'clock_stored':
      return { ...state, clock: { ...clock, stored: fact.clock } };
    case 'flagged_for_review':
      if (!review) return state;
      return { ...state, review: { ...review, flagged: true }, clock: stopClock(clock, fact.at) };
    case 'paused':
      return { ...state, paused: true };
    case 'resumed':
      return { ...state, paused: false };
    case 'retry_now':
      return isOpen(state) ? retryNow(state, fact.alternatives, fact.at) : cancelNow(state, fact.at);
    default:
      return isOpen(state) ? applyWhileOpen(state, fact) : state;
  }
}

function applyWhileOpen(state: OpenRecovery, fact: FactWhileOpen): RecoveryState {
  switch (fact.fact) {
    case 'claim_answered':
      return afterClaim(state, fact.candidate, fact.claim, fact.at);
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
    case 'noted':
      return noteFailure(state, fact.recovery);
    case 'consent_revoked':
      return stop(state, 'STOP', CONSENT_REVOKED);
    case 'fraud_known':
      return stop(state, 'FRAUD', FRAUD_KNOWN);
    case 'cancelled':
      return endRecovery(state, { outcome: 'cancelled', rule: 'cancelled' });
    case 'settlement_in_review':
      if (state.review && outranksSettlementReview(state.review.rule)) return state;
      // The graph has set it already.
      return {
        ...state,
        review: { rule: fact.rule, flagged: true },
        clock: stopClock(state.clock, fact.at),
      };
  }
}

/** A newer failure. */
function noteFailure(state: OpenRecovery, recovery: RecoverySnapshot): RecoveryState {
  const { failure } = recovery;
  if (!isStop(failure.class)) return state;
  const fraud_reports = [...state.due.fraud_reports, ...fraudReportsOf(recovery)];
  return withDue(stop(state, failure.class, failure.rule), { fraud_reports });
}
