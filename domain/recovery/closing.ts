/** How a recovery ends, and what the customer hears of it. */

import type { PaymentNoticeTemplate } from '../ports.ts';
import type { ClosedObligation } from './claims.ts';
import { recheckNow, reviewCameBack } from './unresolved.ts';
import type { DueNotice, Ending, RecoveryState } from './state.ts';

/** It was not paid in time. */
export const WINDOW_OVER: Ending = { outcome: 'exhausted', rule: 'window_over' };

/** Ended from outside. A charge in doubt is still found out before the run is over. */
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
 * Somebody else was paid. That outranks any other ending which is not written down yet: forgotten, it would let a charge
 * that turns out to have succeeded pass for the only one.
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
 * Others were paid by the payment that they name, and the graph does not hold it yet: another success that is taken in
 * before the closing would take its place, and the first one would be lost.
 */
export function closesBeforeNextMessage({ ending, closed }: RecoveryState): boolean {
  return !closed && ending?.outcome === 'paid_elsewhere' && ending.payment_ref !== undefined;
}

/** An ending answers every question to a person but one: whether a charge that nobody can find out about was made. */
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

/** What the customer hears of an ending, if anything. */
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
      // Without a window the notice of the cascade's end has said it already.
      return policy.window > 0 && suspended_until === undefined ? 'recovery_ended' : undefined;
    case 'paid_elsewhere':
    case 'cancelled':
      return undefined;
  }
}

/** The payment to be cancelled had succeeded: the newest attempt on it must have made it, or else somebody else. */
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
