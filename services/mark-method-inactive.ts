import { validationError } from '../domain/errors.ts';
import { omitUndefined, REASON, validate } from '../domain/validation.ts';
import { getPaymentMethod, updatePaymentMethodStatus } from '../graph/index.ts';
import { getOpenObligations } from '../graph/recovery/index.ts';
import { signalRecoveries } from '../temporal/workflow-client.ts';
import type { Caller } from './caller.ts';
import { requestHeader } from './request-header.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { PaymentMethodView } from './views.ts';

/**
 * Makes a payment method inactive at the request of another agent. From the commit on no claim of a recovery takes it;
 * the customer's open recoveries are signalled, so that they decide anew without waiting for their next step. If the
 * signals fail, so does the request: a repeat with its key changes nothing more and sends them.
 *
 * @param input `customer_id`, `payment_method_id`, `reason`, and optionally the method's `changed_seq` as
 *   `expected_version`
 * @throws PersonaError invalid_argument and card_number_refused with all problems, idempotency_key_required,
 *   customer_not_found, payment_method_not_found (also another customer's), illegal_transition, stale_version,
 *   idempotency_key_reused, graph_unavailable, temporal_unavailable
 */
export async function markPaymentMethodInactive(
  { graph, temporal }: Pick<ServiceDependencies, 'graph' | 'temporal'>,
  caller: Caller,
  input: unknown,
): Promise<{ payment_method: PaymentMethodView; version: number }> {
  const checked = validate(input, (fields) =>
    omitUndefined({
      customer_id: fields.requiredUuid('customer_id'),
      payment_method_id: fields.requiredUuid('payment_method_id'),
      reason: fields.requiredText('reason', REASON),
      expected_version: fields.integer('expected_version', 0),
    }),
  );
  if (!checked.ok) throw validationError(checked.problems, checked.type);
  const { customer_id, payment_method_id } = checked.value;
  const header = requestHeader(caller);
  // Also checked here, because the command accepts a method that is not proven to be the customer's.
  await getPaymentMethod(graph, { customer_id, payment_method_id });
  const { version } = await updatePaymentMethodStatus(graph, header, {
    ...checked.value,
    status: 'inactive',
  });
  const open = await getOpenObligations(graph, customer_id);
  // The same for repeats of this request, and for others that found the method inactive already.
  const event_id = `inactive:${payment_method_id}:${version}`;
  await temporal.withDeadline(new Date(caller.deadline), () =>
    signalRecoveries(temporal, open, 'paymentMethodUpdated', { event_id, payment_method_id }),
  );
  return { payment_method: await getPaymentMethod(graph, { customer_id, payment_method_id }), version };
}
