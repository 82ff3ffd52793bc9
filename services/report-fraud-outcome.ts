import { validationError, PersonaError } from '../domain/errors.ts';
import { type FraudOutcomeReport, validateFraudOutcome } from '../domain/fraud/messages.ts';
import { getDevice, getFraudCase, type Reader, readWallet, requireVisibleCustomer } from '../graph/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { Caller } from './caller.ts';
import { receiveReport } from './receive-report.ts';

/**
 * Accepts Chimera's outcome of a fraud case and starts or signals the case's process (docs/reference/workflows.md, 'applyFraudOutcome'). The
 * event id is the idempotency key: a repeated event has no further effect.
 *
 * @throws PersonaError invalid_argument and card_number_refused with all problems, customer_not_found,
 *   device_not_found, payment_method_not_found, idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function reportFraudOutcome(
  dependencies: Pick<ServiceDependencies, 'graph' | 'temporal' | 'policy'>,
  caller: Pick<Caller, 'actor' | 'correlationId'>,
  input: unknown,
): Promise<{ workflow_id: string }> {
  const checked = validateFraudOutcome(input);
  if (!checked.ok) throw validationError(checked.problems, checked.type);
  const { message } = checked;
  const occurred = { field: 'occurred_at', at: message.occurred_at };
  const commandMeta = { command: 'reportFraudOutcome', scope: 'fraud-outcome', occurred };
  return receiveReport(dependencies, caller, commandMeta, { kind: 'fraud_outcome', message }, (reader) =>
    validateAgainstGraph(reader, message),
  );
}

async function validateAgainstGraph(reader: Reader, report: FraudOutcomeReport): Promise<void> {
  const { case_id, customer_id, device_id, payment_method_id } = report;
  const [fraudCase, wallet] = await Promise.all([
    getFraudCase(reader, case_id),
    payment_method_id === undefined ? undefined : readWallet(reader, customer_id),
    requireVisibleCustomer(reader, { customer_id }),
    device_id === undefined ? undefined : getDevice(reader, { device_id }),
  ]);
  if (fraudCase && fraudCase.customer_id !== customer_id)
    throw validationError([{ field: 'customer_id', message: `is not the customer of the case ${case_id}` }]);
  if (wallet && !wallet.some((one) => one.payment_method_id === payment_method_id)) {
    const detail = `customer ${customer_id} has no payment method ${payment_method_id}`;
    throw new PersonaError('payment_method_not_found', detail);
  }
}
