import type { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { expect, test } from 'vitest';
import { timeToCharge } from './executions.ts';

const at = (milliseconds: number) => msToTs(1_000_000 + milliseconds);
const signaledEvent = (signalName: string, milliseconds: number) => ({
  eventTime: at(milliseconds),
  workflowExecutionSignaledEventAttributes: { signalName },
});
const scheduledEvent = (eventId: number, name: string) => ({
  eventId,
  activityTaskScheduledEventAttributes: { activityType: { name } },
});
const startedEvent = (scheduledEventId: number, milliseconds: number) => ({
  eventTime: at(milliseconds),
  activityTaskStartedEventAttributes: { scheduledEventId },
});
const historyOf = (events: object[]) =>
  ({ workflow: { getHandle: () => ({ fetchHistory: async () => ({ events }) }) } }) as unknown as Client;

test('the time to charge is measured from the signal to the start of the charge', async () => {
  const events = [
    signaledEvent('paymentFailed', 10),
    signaledEvent('retryNow', 100),
    scheduledEvent(7, 'claimAttempt'),
    startedEvent(7, 130),
    scheduledEvent(10, 'charge'),
    startedEvent(10, 175),
  ];
  expect(await timeToCharge(historyOf(events), 'w', 'retryNow')).toBe(75);
});

test('a recovery that has not charged has no time to charge', async () => {
  const events = [signaledEvent('retryNow', 100), scheduledEvent(7, 'claimAttempt'), startedEvent(7, 130)];
  await expect(timeToCharge(historyOf(events), 'w', 'retryNow')).rejects.toThrow('w has not charged');
});
