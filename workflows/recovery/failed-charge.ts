import { type ActivityFailure, TimeoutFailure, TimeoutType } from '@temporalio/common';
import type { ChargeAnswer } from '../../domain/ports.ts';

/** The result of a charge whose activity failed: only one that never started is proven not to have been sent. */
export function answerOfFailedCharge(failure: ActivityFailure): ChargeAnswer {
  const { cause } = failure;
  if (cause instanceof TimeoutFailure && cause.timeoutType === TimeoutType.SCHEDULE_TO_START) {
    return { result: 'not_sent', reason: 'no gateway worker took the charge in time' };
  }
  // The worker died or hung after it picked up the charge, which may have been sent.
  return {
    result: 'unknown',
    reason: `the charge ended without a result: ${cause?.message ?? failure.message}`,
  };
}
