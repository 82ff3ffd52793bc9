import type { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { expect, test } from 'vitest';
import { timeToCharge } from './executions.ts';

const at = (milliseconds: number) => msToTs(1_000_000 + milliseconds);
const heard = (signalName: string, milliseconds: number) => ({
  eventTime: at(milliseconds),
  workflowExecutionSignaledEventAttributes: { signalName },
});
const asked = (eventId: number, name: string) => ({
  eventId,
  activityTaskScheduledEventAttributes: { activityType: { name } },
});
const began = (scheduledEventId: number, milliseconds: number) => ({
  eventTime: at(milliseconds),
  activityTaskStartedEventAttributes: { scheduledEventId },
});
const historyOf = (events: object[]) =>
  ({ workflow: { getHandle: () => ({ fetchHistory: async () => ({ events }) }) } }) as unknown as Client;

test('the time is that from the signal to the start of the charge, not of what goes before it', async () => {
  const events = [
    heard('paymentFailed', 10),
    heard('retryNow', 100),
    asked(7, 'claimAttempt'),
    began(7, 130),
    asked(10, 'charge'),
    began(10, 175),
  ];
  expect(await timeToCharge(historyOf(events), 'w', 'retryNow')).toBe(75);
});

test('a recovery that has not charged has no such time', async () => {
  const events = [heard('retryNow', 100), asked(7, 'claimAttempt'), began(7, 130)];
  await expect(timeToCharge(historyOf(events), 'w', 'retryNow')).rejects.toThrow('w has not charged');
});
