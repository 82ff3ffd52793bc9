/** Spans of what Temporal's client and workers do, and of workflows, which cannot make them themselves. */

import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import { isTracing, recordPastSpan, untraced } from '../platform/tracing.ts';
import { isScheduled } from './schedules.ts';
import type { TraceSinks } from './workflow-tracing.ts';

export interface TemporalTracing {
  readonly client: WorkflowClientInterceptor[];
  readonly activity: ActivityInterceptorsFactory[];
}

/** Empty unless traces are exported; call it after `startTracing`. */
export async function temporalTracing(): Promise<TemporalTracing> {
  if (!isTracing()) return { client: [], activity: [] };
  const { OpenTelemetryActivityInboundInterceptor, OpenTelemetryWorkflowClientInterceptor } = await import(
    '@temporalio/interceptors-opentelemetry-v2'
  );
  return {
    client: [new OpenTelemetryWorkflowClientInterceptor()],
    activity: [
      (context) => ({ inbound: new OpenTelemetryActivityInboundInterceptor(context) }),
      // Its own span says enough: a page may be ten thousand cards.
      ({ info }) =>
        isScheduled(info.workflowType ?? '')
          ? { inbound: { execute: (input, next) => untraced(() => next(input)) } }
          : {},
    ],
  };
}

/** For every worker: a run that was started with a trace calls them, whether or not this worker exports any. */
export const traceSinks: InjectedSinks<TraceSinks> = {
  traces: {
    runStarted: {
      fn({ workflowType, workflowId, runId, startTime }, parent, spanId) {
        const attributes = { temporalWorkflowId: workflowId, run_id: runId };
        recordPastSpan({ name: `RunWorkflow:${workflowType}`, parent, spanId, startTime, attributes });
      },
    },
    signalHandled: {
      fn({ workflowId, runId }, parent, signal, link) {
        const attributes = { temporalWorkflowId: workflowId, run_id: runId };
        const startTime = new Date();
        recordPastSpan({ name: `HandleSignal:${signal}`, parent, link, startTime, attributes });
      },
    },
  },
};
