import { context, propagation, trace } from '@opentelemetry/api';
import type { Context } from '@temporalio/activity';
import type { ActivityExecuteInput } from '@temporalio/worker';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import { startTracing } from '../platform/start-tracing.ts';
import { activeTraceparent, enter, SpanKind } from '../platform/tracing.ts';
import { temporalTracing } from './tracing.ts';

test.each([
  ["an activity of a schedule's run has a span, and nothing below it", WorkflowName.sweepObligations, false],
  ['what another activity does belongs to its trace', WorkflowName.recoverPayment, true],
])('%s', async (_, workflowType, isTraced) => {
  await startTracing(
    { endpoint: 'http://127.0.0.1:1', serviceName: 'worker' },
    { sampleRatio: 1, maxCallerSampledPerSecond: 1 },
    {
      logger: pino({ enabled: false }),
      shutdown: { add: (_name, stop) => onTestFinished(() => stop()) },
    },
  );
  onTestFinished(() => {
    for (const api of [trace, context, propagation]) api.disable();
  });
  const { activity } = await temporalTracing();
  // The first makes the activity's own span.
  const [, ofWork] = activity.map((create) => create({ info: { workflowType } } as Context).inbound);
  const work = async () => activeTraceparent() !== undefined;
  const run = () => ofWork?.execute?.({} as ActivityExecuteInput, work) ?? work();
  expect(await enter('RunActivity', SpanKind.SERVER, undefined)?.run(run)).toBe(isTraced);
});
