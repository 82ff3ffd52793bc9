/** How a recovery ends: it is closing until the obligation is closed in the graph, which may take several tries. */

import type { DeclineClass } from '../decline/classify.ts';
import type { PaymentNoticeTemplate } from '../ports.ts';
import type { ClosedObligation } from './claims.ts';
import {
  type Closed,
  type Closing,
  type Ending,
  type LookUp,
  type OpenRecovery,
  type Phase,
  type RecoveryState,
  unresolvedCharge,
  withDue,
} from './state.ts';
import { PAYMENT_NOT_CANCELLABLE } from './status.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A day in total; then an operator has to review it, and the gateway is tried daily. */
const CANCEL_RETRIES_MS = [MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 6 * HOUR_MS, 16 * HOUR_MS];

/** Not paid within the window. */
export const WINDOW_OVER: Ending = { outcome: 'exhausted', rule: 'window_over' };
/** An external payment succeeded, as the gateway has it. */
export const PAID_AT_GATEWAY: Ending = { outcome: 'paid_elsewhere', rule: 'gateway_payment_succeeded' };

/** Ends a recovery that is not closed. An unresolved charge is still resolved before the run completes. */
export function endRecovery(state: RecoveryState, ending: Ending, lookup?: LookUp): RecoveryState {
  const phase: Closing = { name: 'closing', ending, lookup };
  return withDue({ ...state, phase, review: reviewOfUnresolved(state) }, { notices: [] });
}

/** FRAUD and STOP: no method is charged any more. The payment that the report names is still read. */
export function stop(state: OpenRecovery, declineClass: DeclineClass, rule: string): RecoveryState {
  const ending: Ending = { outcome: 'stopped', rule: declineClass === 'FRAUD' ? 'fraud' : rule };
  return endRecovery({ ...state, class: declineClass }, ending, state.phase.lookup);
}

/** The phase with another ending than the present one, if any. */
export function withEnding(phase: Phase, ending: Ending): Closing | Closed {
  return phase.name === 'open' ? { name: 'closing', ending, lookup: phase.lookup } : { ...phase, ending };
}

/**
 * Ends the recovery after an external payment. It outranks any other ending that is not stored yet: if it were lost, a
 * charge that turns out to have succeeded would be taken for the only one.
 */
export function settle(state: RecoveryState, payment_ref: string | undefined, rule: string): RecoveryState {
  const { phase } = state;
  const ending: Ending = {
    outcome: 'paid_elsewhere',
    rule,
    ...(payment_ref === undefined ? {} : { payment_ref }),
  };
  if (phase.name === 'closed') return state;
  const isRepeat =
    phase.name === 'closing' && phase.ending.rule === rule && phase.ending.payment_ref === payment_ref;
  return isRepeat ? state : endRecovery(state, ending);
}

/**
 * Whether the obligation has to be closed before the next message: an external payment is named and not yet stored in the
 * graph, and another success processed first would take its place, so that the first one would be lost.
 */
export function closesBeforeNextMessage({ phase }: RecoveryState): boolean {
  if (phase.name !== 'closing') return false;
  return phase.ending.outcome === 'paid_elsewhere' && phase.ending.payment_ref !== undefined;
}

/** An ending closes every review except one about an unresolved charge. */
function reviewOfUnresolved(state: RecoveryState): RecoveryState['review'] {
  return unresolvedCharge(state) ? state.review : undefined;
}

export function afterClosing(
  state: RecoveryState,
  obligation: ClosedObligation,
  payment_open: boolean,
): RecoveryState {
  const { outcome, rule, attempts } = obligation;
  const template = noticeOfEnding(state, obligation);
  return {
    ...state,
    rule,
    attempts,
    phase: { name: 'closed', ending: { outcome, rule }, payment_open },
    review: reviewOfUnresolved(state),
    due: { ...state.due, notices: template ? [{ template, stage: '1' }] : [] },
  };
}

/** Another run has closed the obligation, and has notified its customer. */
export function closedByOtherRun(state: RecoveryState, obligation: ClosedObligation): RecoveryState {
  return withDue(afterClosing(state, obligation, false), { notices: [] });
}

/** An attempt has paid the obligation, which is closed with it. */
export function afterApproval(state: RecoveryState): RecoveryState {
  const ending: Ending = { outcome: 'recovered', rule: 'approved' };
  return {
    ...state,
    rule: ending.rule,
    phase: { name: 'closed', ending, payment_open: false },
    review: undefined,
    due: { ...state.due, notices: [{ template: 'recovered', stage: '1' }] },
  };
}

/** The customer's notice about an ending, if any. */
export function noticeOfEnding(
  { obligation, suspended_until }: RecoveryState,
  { outcome, rule }: Pick<Ending, 'outcome' | 'rule'>,
): PaymentNoticeTemplate | undefined {
  switch (outcome) {
    case 'recovered':
      return 'recovered';
    case 'stopped':
      if (rule === 'not_recurring') return undefined;
      return rule === 'fraud' ? 'payment_declined_update_card' : 'payment_stopped';
    case 'exhausted':
      // Without a window, the notice at the cascade's end has already said so.
      return obligation.policy.window > 0 && suspended_until === undefined ? 'recovery_ended' : undefined;
    case 'paid_elsewhere':
    case 'cancelled':
      return undefined;
  }
}

/** The first payment counts. A later success of Persona's is refunded: the customer has paid externally. */
export function afterSecondSuccess(state: RecoveryState, ending: Ending, key: string): RecoveryState {
  const { notices } = state.due;
  const settled = { ...state, rule: ending.rule, phase: withEnding(state.phase, ending) };
  return queueRefund(
    ending.outcome === 'recovered'
      ? settled
      : withDue(settled, { notices: notices.filter(({ template }) => template !== 'recovered') }),
    key,
  );
}

/** A second success is refunded, unless policy leaves that to operators. @param key as in `RecoveryOverpaid` */
export function queueRefund(state: RecoveryState, key: string): RecoveryState {
  const { refunds } = state.due;
  if (!state.obligation.policy.refundDuplicate || refunds.includes(key)) return state;
  return withDue(state, { refunds: [...refunds, key] });
}

/**
 * The gateway did not cancel the payment. Until it is cancelled, it may still succeed: the obligation is not charged, and
 * stays open unless it is paid externally.
 *
 * @param payment if processing, its outcome is awaited like a pending charge's. @param at epoch milliseconds
 */
export function afterNotCancelled(
  before: RecoveryState,
  ending: Ending | undefined,
  payment: 'processing' | 'unknown',
  at: number,
): RecoveryState {
  const state = before.phase.name === 'open' && ending ? endRecovery(before, ending) : before;
  const { phase, review, obligation } = state;
  if (phase.name === 'open') return state;
  const processing = payment === 'processing';
  const tries = phase.cancelling?.processing === processing ? phase.cancelling.tries : 0;
  const wait = (processing ? obligation.policy.pending : CANCEL_RETRIES_MS)[tries];
  const cancelling = { processing, tries: tries + 1, next_at: at + (wait ?? DAY_MS) };
  const exhausted = wait === undefined && !review;
  return {
    ...state,
    phase: { ...phase, cancelling },
    review: exhausted ? { rule: PAYMENT_NOT_CANCELLABLE, flagged: false } : review,
  };
}

/** Retries the cancellation now, after a gateway update or at an operator's request. @param at epoch milliseconds */
export function cancelNow(state: RecoveryState, at: number): RecoveryState {
  const { phase } = state;
  if (phase.name === 'open' || !phase.cancelling) return state;
  return { ...state, phase: { ...phase, cancelling: { ...phase.cancelling, next_at: at } } };
}
