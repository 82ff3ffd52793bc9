/** The rig's own checks fail when they should. */

import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { onboardingWorkflowId, TaskQueue, WorkflowName } from '../../domain/workflow-contracts.ts';
import { workflowBundle } from '../../temporal/bundle.ts';
import { createQueueWorker, runWorkers } from '../../temporal/worker.ts';
import { collectExecutions, type Execution, recordStarts, unexpectedStates } from './executions.ts';
import { replayHistories, rigCodecKeys as codecKeys } from './replay.ts';
import { installRuntime } from './runtime.ts';
import { startTimeSkippingServer } from './server.ts';

/** One onboarding on a dedicated server, started or finished, as the rig finds it afterwards. */
async function runOnboarding({ finished }: { finished: boolean }): Promise<Execution[]> {
  installRuntime();
  const { interceptor, started } = recordStarts();
  const server = await startTimeSkippingServer({ codecKeys, interceptor });
  onTestFinished(() => server.close());
  const match = { rule: 'none', proven: true, suggested_customer_ids: [] };
  const ready = {
    customer_id: randomUUID(),
    created: true,
    version: 1,
    match,
    warnings: [],
    request_hash: 'h',
  };
  const transaction_id = randomUUID();
  const handle = await server.client.workflow.start(WorkflowName.onboardCustomer, {
    workflowId: onboardingWorkflowId(transaction_id),
    taskQueue: TaskQueue.onboarding,
    args: [{ request: { transaction_id, occurred_at: '2026-01-01T00:00:00Z' }, caller: 'c', actor: 'a' }],
  });
  if (finished) {
    const worker = await createQueueWorker({
      connection: server.connection,
      namespace: server.namespace,
      queue: TaskQueue.onboarding,
      activities: { onboard: async () => ({ ready, verify_wait_ms: 0 }) },
      bundle: await workflowBundle(),
      codecKeys,
    });
    const { stop } = runWorkers([worker]);
    await handle.result();
    await stop();
  }
  return await collectExecutions(server.client, started);
}

test('an open execution is reported unless it is expected', async () => {
  const [execution] = await runOnboarding({ finished: false });
  expect(execution?.open).toBe(true);
  const executions = execution ? [execution] : [];
  const workflowId = execution?.workflowId ?? '';

  expect(unexpectedStates(executions, new Map())).toEqual([
    expect.stringContaining(`${workflowId} is still open`),
  ]);
  expect(unexpectedStates(executions, new Map([[workflowId, 'waits indefinitely']]))).toEqual([]);
});

test('an execution that was expected to stay open and has ended is reported', async () => {
  const [execution] = await runOnboarding({ finished: true });
  const executions = execution ? [execution] : [];
  expect(unexpectedStates(executions, new Map())).toEqual([]);
  expect(
    unexpectedStates(executions, new Map([[execution?.workflowId ?? '', 'waits indefinitely']])),
  ).toEqual([expect.stringContaining('was expected to stay open (waits indefinitely)')]);
});

test('a history that the current code did not produce does not replay', async () => {
  const executions = await runOnboarding({ finished: true });
  expect(await replayHistories(executions)).toEqual([]);

  for (const event of executions[0]?.history.events ?? []) {
    const type = event.activityTaskScheduledEventAttributes?.activityType;
    if (type) type.name = 'somethingElse';
  }
  expect(await replayHistories(executions)).toEqual([expect.stringContaining('does not replay')]);
});
