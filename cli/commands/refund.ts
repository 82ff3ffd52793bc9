/** What is to be given back of a payment that was paid twice, tried at once because a person asks. */

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

/** One try takes as long as its activity may. */
const TIMEOUT_MS = 60_000;

interface Result {
  payment_id: string;
  refunds: ({ key: string } & (RefundOutcome | { unavailable: string }))[];
}

/**
 * Tries at once; what is refused stays due, daily for a week from now on. @returns the process's result
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
        // A request of its own beside the sweep's: two at once give back once.
        workflowId: `${refundWorkflowId(payment_id)}:${randomUUID()}`,
        taskQueue: TaskQueue.recovery,
        args,
        staticSummary: `Gives back what was paid twice of payment ${payment_id}, as a person asked`,
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
      ? `Nothing of ${payment_id} is to be given back: it was paid once, or that was given back before.`
      : refunds.map((one) => `${one.key}: ${refundText(one)}`).join('\n');
  const done = refunds.length > 0 && refunds.every((one) => 'refunded' in one && one.refunded);
  return { document: result, text, ...(done ? {} : { exitCode: ExitCode.failed }) };
}

function refundText(outcome: RefundOutcome | { unavailable: string }): string {
  if ('unavailable' in outcome)
    return `the gateway could not be asked (${outcome.unavailable}); it is tried again within ten minutes.`;
  if (outcome.refunded) return `given back (${outcome.refund_ref}).`;
  const { reason, next_at } = outcome;
  return next_at === null
    ? `refused (${reason}), and not tried again: pay it back another way.`
    : `refused (${reason}); tried again at ${next_at}, and daily for a week.`;
}
