/**
 * Runs in the workflow sandbox: passes the trace of a run's start on to what the run causes, and begins one in runs that a
 * schedule starts. Its spans are made outside (`tracing.ts`), because a run may last for weeks and a span is exported only
 * at its end. Without a sampled trace nothing differs; with one, only headers do, which a replay does not compare
 * (docs/decisions/34-traces.md). Loaded by path; Temporal prescribes the export's name.
 */

import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { proxySinks, type Sinks, workflowInfo, type WorkflowInterceptors } from '@temporalio/workflow';
import { TRACED_SHARE } from '../domain/workflow-contracts.ts';

/** The header of Temporal's own OpenTelemetry packages, in every language. */
const HEADER = '_tracer-data';
const SAMPLED = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f][13579bdf]$/;

/** Called once for each, not during replay. W3C trace contexts. */
export interface TraceSinks extends Sinks {
  traces: {
    /**
     * @param parent with `spanId` itself: the trace begins with the run
     * @param spanId of the run's span, the parent of everything that it causes
     */
    runStarted(parent: string, spanId: string): void;
    /** @param run the run's own trace, if it has one: it continues there */
    signalHandled(parent: string, signal: string, run: string | undefined): void;
  };
}

export const interceptors = (): WorkflowInterceptors => {
  const { traces } = proxySinks<TraceSinks>();
  let run: string | undefined;
  const passOn = <Input extends { headers: Headers }>(input: Input): Input =>
    run === undefined
      ? input
      : {
          ...input,
          headers: { ...input.headers, [HEADER]: defaultPayloadConverter.toPayload({ traceparent: run }) },
        };
  return {
    inbound: [
      {
        execute(input, next) {
          const parent = sampledTraceparent(input.headers) ?? scheduledTraceparent();
          if (parent !== undefined) {
            // The same in each replay, and known before the span exists.
            const spanId = spanIdOf(workflowInfo().runId);
            run = `00-${SAMPLED.exec(parent)?.[1]}-${spanId}-01`;
            traces.runStarted(parent, spanId);
          }
          return next(input);
        },
        handleSignal(input, next) {
          const parent = sampledTraceparent(input.headers);
          if (parent !== undefined) traces.signalHandled(parent, input.signalName, run);
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(passOn(input)),
        scheduleLocalActivity: (input, next) => next(passOn(input)),
        startChildWorkflowExecution: (input, next) => next(passOn(input)),
        signalWorkflow: (input, next) => next(passOn(input)),
        continueAsNew: (input, next) => next(passOn(input)),
      },
    ],
  };
};

/** `undefined` also for what another program wrote there in another form: it must not fail the run. */
function sampledTraceparent(headers: Headers): string | undefined {
  const payload = headers[HEADER];
  if (payload === undefined) return undefined;
  try {
    const { traceparent } = defaultPayloadConverter.fromPayload<{ traceparent?: string }>(payload);
    return traceparent !== undefined && SAMPLED.test(traceparent) ? traceparent : undefined;
  } catch {
    return undefined;
  }
}

const digitsOf = (runId: string) => runId.replaceAll('-', '');
const spanIdOf = (runId: string) => digitsOf(runId).slice(16);

/** The trace of a run that a schedule has started, and of those that it continues as: its ids are the first run's. */
function scheduledTraceparent(): string | undefined {
  const { firstExecutionRunId, memo } = workflowInfo();
  const share = memo?.[TRACED_SHARE];
  const digits = digitsOf(firstExecutionRunId);
  // The last digits are random in every version of UUIDs that Temporal uses.
  if (typeof share !== 'number' || Number.parseInt(digits.slice(-8), 16) >= share * 2 ** 32) return undefined;
  return `00-${digits}-${spanIdOf(firstExecutionRunId)}-01`;
}
