/** How a recovery ends, and the notice about it. */

import type { PaymentNoticeTemplate } from '../ports.ts';
import type { ClosedObligation } from './claims.ts';
import { recheckNow, reviewCameBack } from './unresolved.ts';
import type { DueNotice, Ending, RecoveryState } from './state.ts';

/** Not paid within the window. */
export const WINDOW_OVER: Ending = { outcome: 'exhausted', rule: 'window_over' };

/** Ends the recovery from outside. An unresolved charge is still resolved before the run completes. */
export function endRecovery(
  state: RecoveryState,
  ending: NonNullable<RecoveryState['ending']>,
): RecoveryState {
  if (state.closed || state.ending) return state;
  return {
    ...state,
    candidates: [],
    lookup_ref: undefined,
    processing: undefined,
    review: reviewOfUnresolved(state),
    notices: [],
    ending,
  };
}

/**
 * Ends the recovery after an external payment. It outranks any other ending that is not stored yet: if it were lost, a
 * charge that turns out to have succeeded would be taken for the only one.
 */
export function paidElsewhere(
  state: RecoveryState,
  paymentRef: string | undefined,
  rule = 'settled',
): RecoveryState {
  const ending: Ending = {
    outcome: 'paid_elsewhere',
    rule,
    ...(paymentRef === undefined ? {} : { payment_ref: paymentRef }),
  };
  if (state.ending?.rule === ending.rule && state.ending.payment_ref === paymentRef) return state;
  return endRecovery(state.closed ? state : { ...state, ending: undefined, cancelling: undefined }, ending);
}

/**
 * Whether the obligation has to be closed before the next message: an external payment is named and not yet stored in the
 * graph, and another success processed first would take its place, so that the first one would be lost.
 */
export function closesBeforeNextMessage({ ending, closed }: RecoveryState): boolean {
  return !closed && ending?.outcome === 'paid_elsewhere' && ending.payment_ref !== undefined;
}

/** An ending closes every review except one about an unresolved charge. */
export function reviewOfUnresolved({ review, unresolved }: RecoveryState): RecoveryState['review'] {
  return unresolved ? review : undefined;
}

export function afterClosing(
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
    cancelling: undefined,
    review: reviewOfUnresolved(state),
    candidates: [],
    attempts: obligation.attempts,
    notices: closingNotices(state, obligation),
  };
}

function closingNotices(state: RecoveryState, obligation: ClosedObligation): DueNotice[] {
  const template = noticeOfEnding(state, obligation);
  return template ? [{ template, stage: '1' }] : [];
}

/** The customer's notice about an ending, if any. */
export function noticeOfEnding(
  { policy, suspended_until }: RecoveryState,
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
      return policy.window > 0 && suspended_until === undefined ? 'recovery_ended' : undefined;
    case 'paid_elsewhere':
    case 'cancelled':
      return undefined;
  }
}

/** The payment to be cancelled had succeeded, through the latest attempt or else externally. */
export function afterUnexpectedSuccess(before: RecoveryState, cameBack: boolean): RecoveryState {
  const state = { ...before, cancelling: undefined, review: reviewOfUnresolved(before) };
  if (cameBack) return reviewCameBack({ ...state, ending: undefined, notices: [] });
  const newest = state.attempts.at(-1)?.key;
  const recheck = newest === undefined ? undefined : recheckNow(newest);
  if (state.closed) return { ...state, payment_open: false, recheck };
  return newest === undefined
    ? { ...state, ending: { outcome: 'paid_elsewhere', rule: 'gateway_payment_succeeded' } }
    : { ...state, ending: undefined, notices: [], recheck };
}
