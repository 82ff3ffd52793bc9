import { PersonaError } from '../domain/errors.ts';
import type { MethodChange } from '../domain/method-change.ts';
import type { ChangePaymentMethodInput } from '../domain/workflow-contracts.ts';
import {
  type Graph,
  getPaymentMethod,
  isSameRequest,
  readWallet,
  requireVisibleCustomer,
  setDefaultPaymentMethod as setDefault,
} from '../graph/index.ts';
import {
  removePaymentMethod as startRemoval,
  updatePaymentMethod as startUpdate,
} from '../temporal/workflow-client.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { Caller } from './caller.ts';
import { versionedHeader, versionedKey } from './request-header.ts';
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
  const input = workflowInput(graph, caller, ref, { update: change });
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
  const input = workflowInput(dependencies.graph, caller, ref, 'remove');
  const { request_hash } = await startRemoval(dependencies.temporal, input, {
    deadline: new Date(caller.deadline),
  });
  requireSameRequest(dependencies, input.idempotency_key, { ...ref, by: input.by }, request_hash);
}

/**
 * Makes a method the default of the calling customer's wallet.
 *
 * @throws PersonaError customer_not_found, customer_suspended, payment_method_not_found, stale_version,
 *   illegal_transition, idempotency_key_reused
 */
export async function setDefaultPaymentMethod(
  dependencies: Dependencies,
  caller: Caller,
  ref: MethodRef,
): Promise<PaymentMethodView> {
  await requireOwnMethod(dependencies, ref);
  const { graph } = dependencies;
  const { payment_method_id: id, expected_version } = ref;
  const header = versionedHeader(graph, caller, { id, expected_version, change: 'make default' });
  try {
    await setDefault(graph, header, { ...ref, by: 'customer' });
  } catch (error) {
    if (!(error instanceof PersonaError) || error.type !== 'illegal_transition') throw error;
    // The command's reason may be a suspicion, or another customer: neither is for customers.
    throw new PersonaError(
      'illegal_transition',
      `payment method ${id} cannot be the default: only an active method without a dispute can`,
      { cause: error },
    );
  }
  return getPaymentMethod(graph, ref);
}

/** Also checked here, so that no process is started in vain. Removed methods pass, so that a repeat gets its first result. */
async function requireOwnMethod(
  { graph }: Dependencies,
  { customer_id, payment_method_id }: MethodRef,
): Promise<void> {
  const [{ status }, wallet] = await Promise.all([
    requireVisibleCustomer(graph, { customer_id }),
    readWallet(graph, customer_id),
  ]);
  if (status === 'suspended')
    throw new PersonaError('customer_suspended', `customer ${customer_id} is suspended`);
  const method = wallet.find((one) => one.payment_method_id === payment_method_id);
  if (method === undefined || !method.proven)
    throw new PersonaError('payment_method_not_found', `there is no payment method ${payment_method_id}`);
}

function workflowInput(
  graph: Graph,
  caller: Caller,
  ref: MethodRef,
  change: unknown,
): ChangePaymentMethodInput {
  const { payment_method_id: id, expected_version } = ref;
  return {
    ...ref,
    idempotency_key: versionedKey(graph, caller, { id, expected_version, change }),
    by: 'customer',
    caller: caller.caller,
    actor: caller.actor,
    correlation_id: caller.correlationId,
    occurred_at: new Date().toISOString(),
  };
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
