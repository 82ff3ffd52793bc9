import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { RecordedEvent } from '../domain/events.ts';
import type { CommittedCommand } from './business-metrics.ts';
import { logCommand } from './command-log.ts';

function logged(command: Partial<CommittedCommand>, logContext = {}) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'info', base: null, timestamp: false },
    { write: (line) => void lines.push(JSON.parse(line)) },
  );
  const header = { correlationId: 'corr-1', idempotencyKey: 'key-1' };
  logCommand(logger, { name: 'recordAttempt', header, events: [], result: null, ...command }, logContext);
  return lines;
}

const event = (type: string, stream: string, stream_id: string, data: object = {}) =>
  ({ type, stream, stream_id, data }) as unknown as RecordedEvent;

test('a command is one line with its customer, payment, events and context', () => {
  const events = [
    event('RecoveryAttempted', 'customer', 'c-1', { payment_id: 'pay-1', code: 'secret' }),
    event('RecoveryClosed', 'customer', 'c-1', { payment_id: 'pay-1' }),
  ];
  expect(logged({ events }, { workflow_id: 'recovery:pay-1', correlation_id: 'other' })).toEqual([
    {
      ...{ level: 30, msg: 'committed', command: 'recordAttempt', customer_id: 'c-1', payment_id: 'pay-1' },
      ...{ events: ['RecoveryAttempted', 'RecoveryClosed'], workflow_id: 'recovery:pay-1' },
      correlation_id: 'corr-1',
    },
  ]);
});

test('an onboarding is found by its transaction, a device by its id; a receipt without events is not logged', () => {
  const onboarding = logged({ name: 'onboard', events: [event('DeviceRegistered', 'device', 'd-1')] });
  expect(onboarding).toMatchObject([{ transaction_id: 'key-1', device_id: 'd-1', correlation_id: 'corr-1' }]);
  expect(logged({ events: [] })).toEqual([]);
});
