/** Finds every execution that a test brought about, with its history. */

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

/** Writes down the run that each start of any kind reaches: the time-skipping server has no list to read them from. */
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

/** The recorded executions, their children, and the runs that they continued as. */
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

/** Executions open without an excuse, and excuses for executions that are not open. */
export function unexpectedStates(
  executions: readonly Execution[],
  expectedOpen: ReadonlyMap<string, string>,
): string[] {
  const open = executions.filter((execution) => execution.open).map(({ workflowId }) => workflowId);
  return [
    ...open
      .filter((workflowId) => !expectedOpen.has(workflowId))
      .map((workflowId) => `${workflowId} is still open; say why with rig.leaveOpen, or let it end`),
    ...[...expectedOpen]
      .filter(([workflowId]) => !open.includes(workflowId))
      .map(([workflowId, reason]) => `${workflowId} was to be left open (${reason}), but it is not`),
  ];
}
