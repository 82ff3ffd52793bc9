import { createHash } from 'node:crypto';
import { PersonaError } from '../domain/errors.ts';
import type { MethodChange } from '../domain/method-change.ts';
import type { ChangePaymentMethodInput } from '../domain/workflow-contracts.ts';
import { getGatewayCustomer, getPaymentMethod, isSameRequest, readWallet } from '../graph/index.ts';
import {
  removePaymentMethod as startRemoval,
  updatePaymentMethod as startUpdate,
} from '../temporal/workflow-client.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { Caller } from './caller.ts';
import type { PaymentMethodView } from './views.ts';

export interface MethodRef {
  customer_id: string;
  payment_method_id: string;
  /** The method's `changed_seq` that the caller has read; absent: any. */
  expected_version?: number;
}

type Dependencies = Pick<ServiceDependencies, 'graph' | 'temporal'>;

/**
 * Changes a method in the calling customer's wallet (docs/reference/workflows.md, 'Changes of the wallet'): its expiry date, at the gateway
 * first, or the consent to charge it.
 *
 * @returns the method; `pending`: the gateway has not responded yet, and the method is unchanged
 * @throws PersonaError customer_not_found, customer_suspended, payment_method_not_found, stale_version,
 *   illegal_transition, invalid_argument, payment_method_declined, idempotency_key_reused, temporal_unavailable,
 *   deadline_exceeded
 */
export async function updatePaymentMethod(
  dependencies: Dependencies,
  caller: Caller,
  { change, ...ref }: MethodRef & { change: MethodChange },
): Promise<{ method: PaymentMethodView; pending: boolean }> {
  await requireOwnMethod(dependencies, ref);
  const { graph, temporal } = dependencies;
  const input = workflowInput(caller, ref, `update ${JSON.stringify(change)}`);
  const callOptions = { deadline: new Date(caller.deadline) };
  const { request_hash, pending } = await startUpdate(temporal, { ...input, change }, callOptions);
  requireSameRequest(dependencies, input.idempotency_key, { ...ref, change, by: input.by }, request_hash);
  return { method: await getPaymentMethod(graph, ref), pending };
}

/**
 * Removes a method from the calling customer's wallet immediately; it is detached at the gateway after the response
 * (docs/reference/workflows.md, 'Changes of the wallet').
 *
 * @throws PersonaError customer_not_found, customer_suspended, payment_method_not_found, stale_version,
 *   idempotency_key_reused, temporal_unavailable, deadline_exceeded
 */
export async function removePaymentMethod(
  dependencies: Dependencies,
  caller: Caller,
  ref: MethodRef,
): Promise<void> {
  await requireOwnMethod(dependencies, ref);
  const input = workflowInput(caller, ref, 'remove');
  const { request_hash } = await startRemoval(dependencies.temporal, input, {
    deadline: new Date(caller.deadline),
  });
  requireSameRequest(dependencies, input.idempotency_key, { ...ref, by: input.by }, request_hash);
}

/** Also checked here, so that no process is started in vain. Removed methods pass, so that a repeat gets its first result. */
async function requireOwnMethod(
  { graph }: Dependencies,
  { customer_id, payment_method_id }: MethodRef,
): Promise<void> {
  const [{ status }, wallet] = await Promise.all([
    getGatewayCustomer(graph, { customer_id }),
    readWallet(graph, customer_id),
  ]);
  if (status === 'suspended')
    throw new PersonaError('customer_suspended', `customer ${customer_id} is suspended`);
  const method = wallet.find((one) => one.payment_method_id === payment_method_id);
  if (method === undefined || !method.proven)
    throw new PersonaError('payment_method_not_found', `there is no payment method ${payment_method_id}`);
}

function workflowInput(caller: Caller, ref: MethodRef, operation: string): ChangePaymentMethodInput {
  return {
    ...ref,
    idempotency_key: caller.idempotencyKey ?? derivedIdempotencyKey(caller, ref, operation),
    by: 'customer',
    caller: caller.caller,
    actor: caller.actor,
    correlation_id: caller.correlationId,
    occurred_at: new Date().toISOString(),
  };
}

/**
 * The key of a request without one: the same change of the same version is the same request; without a version each
 * request is a new one. It contains spaces, which callers' keys cannot.
 */
function derivedIdempotencyKey(
  caller: Caller,
  { payment_method_id, expected_version }: MethodRef,
  operation: string,
): string {
  if (expected_version === undefined) return `request ${caller.correlationId} ${operation}`;
  const change = createHash('sha256').update(operation).digest('hex');
  return `version ${payment_method_id} ${expected_version} ${change}`;
}

function requireSameRequest(
  { graph }: Dependencies,
  key: string,
  request: object,
  request_hash: string,
): void {
  if (isSameRequest(graph, request, request_hash)) return;
  throw new PersonaError(
    'idempotency_key_reused',
    `the idempotency key ${key} was already used with a different request`,
  );
}
