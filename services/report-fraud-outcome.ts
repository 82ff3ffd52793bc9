import { invalid, PersonaError } from '../domain/errors.ts';
import { type FraudOutcomeReport, validateFraudOutcome } from '../domain/fraud/messages.ts';
import { getDevice, getFraudCase, getGatewayCustomer, type Reader, readWallet } from '../graph/index.ts';
import type { ServiceDeps } from './deps.ts';
import type { Caller } from './request.ts';
import { takeReport } from './take-report.ts';

/**
 * Takes what Chimera found out about a fraud case: its process begins, or hears of it (specification: workflows, 5). The
 * event's id is the idempotency key; the same event twice acts once.
 *
 * @throws PersonaError invalid_argument and card_number_refused with every problem at once, customer_not_found,
 *   device_not_found, payment_method_not_found, idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function reportFraudOutcome(
  deps: ServiceDeps,
  caller: Caller,
  input: unknown,
): Promise<{ workflow_id: string }> {
  const checked = validateFraudOutcome(input);
  if (!checked.ok) throw invalid(checked.problems, checked.type);
  const { message } = checked;
  const occurred = { field: 'occurred_at', at: message.occurred_at };
  const receipt = { command: 'reportFraudOutcome', scope: 'fraud-outcome', occurred };
  return takeReport(deps, caller, receipt, { kind: 'fraud_outcome', message }, (reader) =>
    requireFitting(reader, message),
  );
}

async function requireFitting(reader: Reader, report: FraudOutcomeReport): Promise<void> {
  const { case_id, customer_id, device_id, payment_method_id } = report;
  const [known, wallet] = await Promise.all([
    getFraudCase(reader, case_id),
    payment_method_id === undefined ? undefined : readWallet(reader, customer_id),
    getGatewayCustomer(reader, { customer_id }),
    device_id === undefined ? undefined : getDevice(reader, { device_id }),
  ]);
  if (known && known.customer_id !== customer_id)
    throw invalid([{ field: 'customer_id', message: `is not the customer of the case ${case_id}` }]);
  if (wallet && !wallet.some((one) => one.payment_method_id === payment_method_id)) {
    const detail = `customer ${customer_id} has no payment method ${payment_method_id}`;
    throw new PersonaError('payment_method_not_found', detail);
  }
}
