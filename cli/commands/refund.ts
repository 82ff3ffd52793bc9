/** Refunds the second success of a payment immediately, at an operator's request. */

import { randomUUID } from 'node:crypto';
import {
  type OperatorRequest,
  type RefundPaymentInput,
  refundWorkflowId,
  TaskQueue,
  WorkflowName,
} from '../../domain/workflow-contracts.ts';
import type { RefundOutcome } from '../../domain/recovery/refunds.ts';
import { readCodecKeys } from '../../platform/environment.ts';
import { toPersonaError } from '../../temporal/failures.ts';
import type { CommandResult } from '../command-result.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';
import { connect } from './operator-requests.ts';

/** As long as the activity of one try may take. */
const TIMEOUT_MS = 60_000;

interface Result {
  payment_id: string;
  refunds: ({ key: string } & (RefundOutcome | { unavailable: string }))[];
}

/**
 * Tries immediately; a refused refund stays due and is retried daily for a week from now. @returns the process's result
 * @throws CliFailure, PersonaError recovery_not_found
 */
export async function refund(
  settings: Settings,
  payment_id: string,
  by: OperatorRequest,
): Promise<CommandResult> {
  const client = await connect(settings, readCodecKeys(settings.variables).reveal());
  const args: [RefundPaymentInput] = [{ payment_id, by }];
  try {
    const result = await client.withDeadline(Date.now() + TIMEOUT_MS, async () => {
      const handle = await client.workflow.start(WorkflowName.refundPayment, {
        // A separate run from the sweep's: two that run concurrently refund once.
        workflowId: `${refundWorkflowId(payment_id)}:${randomUUID()}`,
        taskQueue: TaskQueue.recovery,
        args,
        staticSummary: `Refunds the second success of payment ${payment_id}, at an operator's request`,
      });
      return (await handle.result()) as Result;
    });
    return toCommandResult(result);
  } catch (error) {
    throw toPersonaError(error);
  } finally {
    await client.connection.close();
  }
}

function toCommandResult(result: Result): CommandResult {
  const { payment_id, refunds } = result;
  const text =
    refunds.length === 0
      ? `Payment ${payment_id} has nothing to refund: it was paid only once, or was refunded already.`
      : refunds.map((one) => `${one.key}: ${refundText(one)}`).join('\n');
  const done = refunds.length > 0 && refunds.every((one) => 'refunded' in one && one.refunded);
  return { document: result, text, ...(done ? {} : { exitCode: ExitCode.failed }) };
}

function refundText(outcome: RefundOutcome | { unavailable: string }): string {
  if ('unavailable' in outcome)
    return `the gateway could not be reached (${outcome.unavailable}); it is retried within ten minutes.`;
  if (outcome.refunded) return `refunded (${outcome.refund_ref}).`;
  const { reason, next_at } = outcome;
  return next_at === null
    ? `refused (${reason}) and not retried: refund it another way.`
    : `refused (${reason}); retried at ${next_at}, then daily for a week.`;
}
