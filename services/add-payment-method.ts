import { PersonaError } from '../domain/errors.ts';
import { requireVisibleCustomer, getPaymentMethod, isSameRequest } from '../graph/index.ts';
import { addPaymentMethod as startAddPaymentMethod } from '../temporal/workflow-client.ts';
import type { Caller } from './caller.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { PaymentMethodView } from './views.ts';

export interface NewPaymentMethod {
  customer_id: string;
  type: PaymentMethodView['type'];
  token: string;
  device_id?: string;
  off_session_consent?: boolean;
}

/**
 * Adds a method to a customer's wallet: verified, or still `unverified` after a short wait (docs/reference/workflows.md,
 * 'Changes of the wallet'). The caller's idempotency key identifies repeats. What the checkout adds was added by a service:
 * unlike a card that its signed-in customer added, it is charged off session only with a trusted device.
 *
 * @throws PersonaError customer_not_found, customer_suspended, idempotency_key_reused, device_not_found,
 *   token_belongs_to_other_customer, payment_method_declined, temporal_unavailable, deadline_exceeded
 */
export async function addPaymentMethod(
  { graph, temporal }: Pick<ServiceDependencies, 'graph' | 'temporal'>,
  caller: Caller,
  { customer_id, ...method }: NewPaymentMethod,
): Promise<PaymentMethodView> {
  const { idempotencyKey: idempotency_key } = caller;
  if (idempotency_key === undefined)
    throw new PersonaError('idempotency_key_required', 'A new payment method requires an Idempotency-Key');
  // Also checked here, so that no process is started for an unknown customer.
  const { status } = await requireVisibleCustomer(graph, { customer_id });
  if (status === 'suspended')
    throw new PersonaError('customer_suspended', `customer ${customer_id} is suspended`);

  const added_by = caller.actor === `customer:${customer_id}` ? 'customer' : 'service';
  const { payment_method_id, request_hash } = await startAddPaymentMethod(
    temporal,
    {
      caller: caller.caller,
      actor: caller.actor,
      correlation_id: caller.correlationId,
      customer_id,
      idempotency_key,
      method,
      added_by,
      occurred_at: new Date().toISOString(),
    },
    { deadline: new Date(caller.deadline) },
  );
  if (!isSameRequest(graph, { customer_id, method, added_by }, request_hash))
    throw new PersonaError(
      'idempotency_key_reused',
      `the idempotency key ${idempotency_key} was already used with a different body`,
    );
  return getPaymentMethod(graph, { customer_id, payment_method_id });
}
