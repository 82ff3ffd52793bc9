import { pino } from 'pino';
import { expect, test } from 'vitest';
import { activityFields } from './log-fields.ts';
import { asTemporalLogger } from './runtime.ts';

function logged(level: string, message: string, fields: Record<string, unknown>) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'info', base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
    { write: (line) => void lines.push(JSON.parse(line)) },
  );
  asTemporalLogger(logger).log(level as 'INFO', message, fields);
  return lines;
}

test("a process's milestones are logged with Persona's field names and the process's subject", () => {
  const fields = {
    namespace: 'default',
    taskQueue: 'q',
    workflowId: 'recovery:pay-1',
    runId: 'r',
    attempt: 1,
  };
  expect(logged('DEBUG', 'Workflow started', { ...fields, workflowType: 'recoverPayment' })).toEqual([
    {
      ...{ level: 'info', msg: 'Workflow started', task_queue: 'q', workflow_id: 'recovery:pay-1' },
      ...{ correlation_id: 'recovery:pay-1', payment_id: 'pay-1', run_id: 'r', attempt: 1 },
      workflow_type: 'recoverPayment',
    },
  ]);
  expect(logged('INFO', 'x', { workflowId: 'onboarding:a:b' })).toMatchObject([{ transaction_id: 'a:b' }]);
  const notice = 'recovery:pay-1:2026-04-18T10:00:00.000Z:reminder:1';
  expect(logged('INFO', 'x', { workflowId: notice })).toMatchObject([{ payment_id: 'pay-1' }]);
  expect(logged('DEBUG', 'Activity started', { workflowId: 'x' })).toEqual([]);
});

test('a failure is logged with its stack, and a queue without workflows logs no warning', () => {
  expect(logged('WARN', 'Workflow failed', { error: new Error('because') })).toMatchObject([
    { level: 'warn', err: { message: 'because', stack: expect.stringContaining('log-fields.test') } },
  ]);
  expect(logged('WARN', 'No workflows registered, not polling for workflow tasks', {})).toEqual([]);
});

test('there are no activity fields outside an activity', () => {
  expect(activityFields()).toEqual({});
});
