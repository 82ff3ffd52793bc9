import { workflowCaller, WorkflowName } from '../../domain/workflow-contracts.ts';
import type { CommandHeader } from '../kernel/command-header.ts';

/** The header of a command that retention runs, in the workflow or by an operator. @param now epoch milliseconds */
export function retentionHeader(idempotencyKey: string, now: number): CommandHeader {
  return {
    ...{ caller: workflowCaller(WorkflowName.applyRetention), actor: 'persona' },
    ...{ idempotencyKey, correlationId: 'retention', occurredAt: new Date(now).toISOString() },
  };
}
