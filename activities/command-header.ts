import { activityInfo } from '@temporalio/activity';
import { workflowCaller } from '../domain/workflow-contracts.ts';
import { type CommandHeader, LOCAL_COMMAND_MS } from '../graph/index.ts';

/** The header of a workflow's command. Actor and correlation id are Persona and the workflow, unless given. */
export function headerOf(
  idempotencyKey: string,
  options: Pick<CommandHeader, 'occurredAt'> &
    Partial<Pick<CommandHeader, 'actor' | 'correlationId' | 'causationId'>>,
): CommandHeader {
  const { workflowExecution, workflowType, isLocal } = activityInfo();
  return {
    caller: workflowCaller(workflowType ?? 'none'),
    idempotencyKey,
    actor: 'persona',
    correlationId: workflowExecution?.workflowId ?? 'none',
    ...(isLocal && { limitMs: LOCAL_COMMAND_MS }),
    ...options,
  };
}

/** The key of a command that this activity issues once: its retries share the key, later activities of the run do not. */
export function activityIdempotencyKey(command: string): string {
  const { activityId, workflowExecution } = activityInfo();
  return `${command}:${workflowExecution?.runId}:${activityId}`;
}
