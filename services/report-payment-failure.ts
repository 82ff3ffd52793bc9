import { invalid } from '../domain/errors.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { validatePaymentFailed } from '../domain/recovery/payment-failed.ts';
import { getGatewayCustomer, type Reader, readWallet } from '../graph/index.ts';
import { findObligation, refusalOf } from '../graph/recovery/index.ts';
import type { ServiceDeps } from './deps.ts';
import type { Caller } from './request.ts';
import { takeReport } from './take-report.ts';

/**
 * Takes a payment's failure over from another agent: its recovery begins, or hears of it (specification: workflows,
 * 2). The event's id is the idempotency key; the same event twice acts once.
 *
 * @throws PersonaError invalid_argument and card_number_refused with every problem at once, customer_not_found,
 *   payment_method_not_found, obligation_mismatch, idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function reportPaymentFailure(
  deps: ServiceDeps,
  caller: Caller,
  input: unknown,
): Promise<{ workflow_id: string }> {
  const checked = validatePaymentFailed(input);
  if (!checked.ok) throw invalid(checked.problems, checked.type);
  const { message } = checked;
  const occurred = { field: 'occurred_at', at: message.occurred_at };
  const receipt = { command: 'reportPaymentFailure', scope: 'payment-failed', occurred };
  return takeReport(deps, caller, receipt, { kind: 'payment_failed', message }, (reader) =>
    requireFitting(reader, message),
  );
}

async function requireFitting(reader: Reader, failure: PaymentFailed): Promise<void> {
  const { customer_id, payment_id } = failure;
  const [wallet, obligation] = await Promise.all([
    readWallet(reader, customer_id),
    findObligation(reader, payment_id),
    getGatewayCustomer(reader, { customer_id }),
  ]);
  const refusal = refusalOf(failure, wallet, obligation, Date.now());
  if (refusal) throw invalid([refusal.problem], refusal.type);
}
