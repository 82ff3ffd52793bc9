import {
  ActivityFailure,
  ApplicationFailure,
  RetryState,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import { expect, test } from 'vitest';
import { answerOfFailedCharge } from './failed-charge.ts';

const failed = (cause: Error) =>
  new ActivityFailure('activity failed', 'charge', '1', RetryState.MAXIMUM_ATTEMPTS_REACHED, 'worker', cause);

test('only a charge that no worker picked up is proven not to have been sent', () => {
  const timedOut = (type: TimeoutType) =>
    answerOfFailedCharge(failed(new TimeoutFailure('late', undefined, type)));
  expect(timedOut(TimeoutType.SCHEDULE_TO_START)).toMatchObject({ result: 'not_sent' });
  for (const type of [TimeoutType.START_TO_CLOSE, TimeoutType.SCHEDULE_TO_CLOSE, TimeoutType.HEARTBEAT]) {
    expect(timedOut(type)).toMatchObject({ result: 'unknown' });
  }
  expect(answerOfFailedCharge(failed(ApplicationFailure.create({ message: 'crash' })))).toMatchObject({
    result: 'unknown',
    reason: 'the charge ended without a result: crash',
  });
});
