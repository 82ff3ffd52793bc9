/** Finds every execution of a test, with its history. */

import type { Client, WorkflowClientInterceptor } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

type History = temporal.api.history.v1.IHistory;

export interface ExecutionKey {
  readonly workflowId: string;
  readonly runId: string;
}

export interface Execution extends ExecutionKey {
  readonly open: boolean;
  readonly history: History;
}

/** Records the run of each start, of any kind: the time-skipping server cannot list executions. */
export function recordStarts(): { interceptor: WorkflowClientInterceptor; started: ExecutionKey[] } {
  const started: ExecutionKey[] = [];
  const interceptor: WorkflowClientInterceptor = {
    async startWithDetails(input, next) {
      const output = await next(input);
      started.push({ workflowId: input.options.workflowId, runId: output.runId });
      return output;
    },
    async signalWithStart(input, next) {
      const runId = await next(input);
      started.push({ workflowId: input.options.workflowId, runId });
      return runId;
    },
    async startUpdateWithStart(input, next) {
      const output = await next(input);
      const { workflowId, runId } = output.workflowExecution;
      if (workflowId != null && runId != null) started.push({ workflowId, runId });
      return output;
    },
  };
  return { interceptor, started };
}

/** The recorded executions, their children, and the runs they continued as. */
export async function collectExecutions(
  client: Client,
  started: readonly ExecutionKey[],
): Promise<Execution[]> {
  const found = new Map<string, Execution>();
  const queue = [...started];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const id = `${next.workflowId} ${next.runId}`;
    if (found.has(id)) continue;
    const handle = client.workflow.getHandle(next.workflowId, next.runId);
    const [{ status }, history] = await Promise.all([handle.describe(), handle.fetchHistory()]);
    found.set(id, { ...next, open: status.name === 'RUNNING', history });
    queue.push(...followUps(next.workflowId, history));
  }
  return [...found.values()];
}

function followUps(workflowId: string, history: History): ExecutionKey[] {
  const keys: ExecutionKey[] = [];
  for (const event of history.events ?? []) {
    const child = event.childWorkflowExecutionStartedEventAttributes?.workflowExecution;
    if (child?.workflowId && child.runId) keys.push({ workflowId: child.workflowId, runId: child.runId });
    const continued = event.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    if (continued) keys.push({ workflowId, runId: continued });
  }
  return keys;
}

/** Executions that are unexpectedly open, and those expected to be open that are not. */
export function unexpectedStates(
  executions: readonly Execution[],
  expectedOpen: ReadonlyMap<string, string>,
): string[] {
  const open = executions.filter((execution) => execution.open).map(({ workflowId }) => workflowId);
  return [
    ...open
      .filter((workflowId) => !expectedOpen.has(workflowId))
      .map(
        (workflowId) =>
          `${workflowId} is still open; declare it with rig.leaveOpen and a reason, or let it end`,
      ),
    ...[...expectedOpen]
      .filter(([workflowId]) => !open.includes(workflowId))
      .map(([workflowId, reason]) => `${workflowId} was expected to stay open (${reason}), but it has ended`),
  ];
}
