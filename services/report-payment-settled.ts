import { validationError } from '../domain/errors.ts';
import type { PaymentSettled } from '../domain/recovery/messages.ts';
import { validatePaymentSettled } from '../domain/recovery/payment-failed.ts';
import { requireVisibleCustomer, type Reader } from '../graph/index.ts';
import { findObligation } from '../graph/recovery/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { Caller } from './caller.ts';
import { receiveReport } from './receive-report.ts';

/**
 * Accepts the settlement of a payment that was made elsewhere: its recovery ends or, if the payment is unknown, is
 * closed in advance. The event id is the idempotency key: a repeated event has no further effect.
 *
 * @throws PersonaError invalid_argument and card_number_refused with all problems, customer_not_found,
 *   obligation_mismatch, idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function reportPaymentSettled(
  dependencies: Pick<ServiceDependencies, 'graph' | 'temporal' | 'policy'>,
  caller: Pick<Caller, 'actor' | 'correlationId'>,
  input: unknown,
): Promise<{ workflow_id: string }> {
  const checked = validatePaymentSettled(input);
  if (!checked.ok) throw validationError(checked.problems, checked.type);
  const { message } = checked;
  const occurred = { field: 'settled_at', at: message.settled_at };
  const commandMeta = { command: 'reportPaymentSettled', scope: 'payment-settled', occurred };
  return receiveReport(dependencies, caller, commandMeta, { kind: 'payment_settled', message }, (reader) =>
    validateAgainstGraph(reader, message),
  );
}

async function validateAgainstGraph(reader: Reader, settlement: PaymentSettled): Promise<void> {
  const { customer_id, payment_id } = settlement;
  const obligation = await findObligation(reader, payment_id);
  // Also of a hidden customer: if the erasure is taken back, it would be collected once more; if not, the erasure waits for it.
  if (obligation?.customer_id === customer_id) return;
  await requireVisibleCustomer(reader, { customer_id });
  if (obligation) {
    const problem = { field: 'customer_id', message: 'must be the customer who owes this payment' };
    throw validationError([problem], 'obligation_mismatch');
  }
}
