import { randomUUID } from 'node:crypto';
import { context, propagation, trace } from '@opentelemetry/api';
import { defaultPayloadConverter } from '@temporalio/common';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { TaskQueue, TRACED_SHARE } from '../domain/workflow-contracts.ts';
import { startTracing } from '../platform/start-tracing.ts';
import { createTestRig } from '../test/rig/index.ts';
import { startTraceReceiver } from '../test/trace-receiver.ts';

const PARENT = '00f067aa0ba902b7';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

// The rig replays each history: the headers make no difference.
test.each([
  ['a run passes its trace on to its activities', '01', undefined, { traceId: TRACE, parentId: PARENT }],
  ['a trace that is not sampled leaves nothing in a run', '00', undefined, undefined],
  ["a schedule's run begins a trace, if its share is traced", undefined, 1, { parentId: undefined }],
  ["a schedule's run that is not in the share begins none", undefined, 0, undefined],
])('%s', async (_, flags, share, expected) => {
  const collector = await startTraceReceiver();
  let stop = async () => {};
  await startTracing(
    { endpoint: collector.endpoint, serviceName: 'worker' },
    { sampleRatio: 0, maxCallerSampledPerSecond: 0 },
    { logger: pino({ enabled: false }), shutdown: { add: (_name, step) => (stop = async () => step()) } },
  );
  onTestFinished(async () => {
    for (const api of [trace, context, propagation]) api.disable();
    await collector.close();
  });
  const rig = await createTestRig({
    activities: { [TaskQueue.recovery]: { deliverNotice: async () => ({ result: 'delivered' }) } },
  });
  // As Temporal's interceptors of any language do.
  const header = flags && {
    '_tracer-data': defaultPayloadConverter.toPayload({ traceparent: `00-${TRACE}-${PARENT}-${flags}` }),
  };
  rig.client.workflow.options.interceptors = [
    ...(rig.client.workflow.options.interceptors as []),
    {
      startWithDetails: (input, next) => next({ ...input, headers: { ...input.headers, ...header } }),
    },
  ];
  const handle = await rig.client.workflow.start('sendNotice', {
    workflowId: `notice-${randomUUID()}`,
    taskQueue: TaskQueue.recovery,
    ...(share !== undefined && { memo: { [TRACED_SHARE]: share } }),
    args: [{ notification_id: randomUUID(), payment_id: 'p', customer_id: 'c', template: 'all_declined' }],
  });
  await handle.result();
  await stop();
  const { events } = await handle.fetchHistory();
  const headers = events?.flatMap(
    ({ activityTaskScheduledEventAttributes: scheduled }) =>
      scheduled?.header?.fields?.['_tracer-data'] ?? [],
  );
  const passedOn = headers?.map((payload) => defaultPayloadConverter.fromPayload(payload));
  const runId = handle.firstExecutionRunId.replaceAll('-', '');
  const run = expected && { traceId: runId, spanId: runId.slice(16), ...expected };
  expect(passedOn).toEqual(run ? [{ traceparent: `00-${run.traceId}-${run.spanId}-01` }] : []);
  const name = 'RunWorkflow:sendNotice';
  expect(collector.spans.map(({ parentId, ...span }) => ({ parentId, ...span }))).toMatchObject(
    run ? [{ name, ...run }] : [],
  );
});
