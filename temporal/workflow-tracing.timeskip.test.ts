import { randomUUID } from 'node:crypto';
import { context, propagation, trace } from '@opentelemetry/api';
import { defaultPayloadConverter } from '@temporalio/common';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { TaskQueue } from '../domain/workflow-contracts.ts';
import { startTracing } from '../platform/start-tracing.ts';
import { createTestRig } from '../test/rig/index.ts';
import { startTraceReceiver } from '../test/trace-receiver.ts';

const PARENT = '00f067aa0ba902b7';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

// The rig replays both histories: the headers make no difference.
test.each([
  ['a run passes its trace on to its activities', '01', true],
  ['a trace that is not sampled leaves nothing in a run', '00', false],
])('%s', async (_, flags, isSampled) => {
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
  const header = defaultPayloadConverter.toPayload({ traceparent: `00-${TRACE}-${PARENT}-${flags}` });
  rig.client.workflow.options.interceptors = [
    ...(rig.client.workflow.options.interceptors as []),
    {
      startWithDetails: (input, next) =>
        next({ ...input, headers: { ...input.headers, '_tracer-data': header } }),
    },
  ];
  const handle = await rig.client.workflow.start('sendNotice', {
    workflowId: `notice-${randomUUID()}`,
    taskQueue: TaskQueue.recovery,
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
  const spanId = handle.firstExecutionRunId.replaceAll('-', '').slice(16);
  expect(passedOn).toEqual(isSampled ? [{ traceparent: `00-${TRACE}-${spanId}-01` }] : []);
  expect(collector.spans).toMatchObject(
    isSampled ? [{ name: 'RunWorkflow:sendNotice', traceId: TRACE, parentId: PARENT, spanId }] : [],
  );
});
