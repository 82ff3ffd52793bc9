import { validationError } from '../domain/errors.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { validatePaymentFailed } from '../domain/recovery/payment-failed.ts';
import type { Reader } from '../graph/index.ts';
import { readReportedFailure, refusalOf } from '../graph/recovery/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { Caller } from './caller.ts';
import { receiveReport } from './receive-report.ts';

/**
 * Accepts another agent's report of a failed payment and starts or signals its recovery (docs/reference/workflows.md, 'Messages').
 * The event id is the idempotency key: a repeated event has no further effect.
 *
 * @throws PersonaError invalid_argument and card_number_refused with all problems, customer_not_found,
 *   payment_method_not_found, obligation_mismatch, idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function reportPaymentFailure(
  dependencies: Pick<ServiceDependencies, 'graph' | 'temporal' | 'policy'>,
  caller: Pick<Caller, 'actor' | 'correlationId'>,
  input: unknown,
): Promise<{ workflow_id: string }> {
  const checked = validatePaymentFailed(input);
  if (!checked.ok) throw validationError(checked.problems, checked.type);
  const { message } = checked;
  const occurred = { field: 'occurred_at', at: message.occurred_at };
  const commandMeta = { command: 'reportPaymentFailure', scope: 'payment-failed', occurred };
  return receiveReport(dependencies, caller, commandMeta, { kind: 'payment_failed', message }, (reader) =>
    validateAgainstGraph(reader, message),
  );
}

async function validateAgainstGraph(reader: Reader, failure: PaymentFailed): Promise<void> {
  const refusal = refusalOf(failure, await readReportedFailure(reader, failure), Date.now());
  if (refusal) throw validationError([refusal.problem], refusal.type);
}
