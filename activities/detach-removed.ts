import { PersonaError } from '../domain/errors.ts';
import { shouldDetach } from '../domain/method-change.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import { type Graph, getGatewayCustomer, getPaymentMethodToken, readWallet } from '../graph/index.ts';
import { findChargeInFlight } from '../graph/recovery/index.ts';
import type { MethodIds, RemovalActivities } from '../workflows/remove-payment-method.ts';
import { gatewayCall } from './gateway-faults.ts';

/**
 * Detaches a method at the gateway that was removed here. It may run twice, and beside another one.
 *
 * @throws PersonaError charge_in_doubt: a charge on it is under way; gateway_unavailable, gateway_misconfigured
 */
export async function detachRemovedMethod(
  { graph, gateway }: { graph: Graph; gateway: PaymentGateway },
  ids: MethodIds,
): ReturnType<RemovalActivities['detachPaymentMethod']> {
  const wallet = await readWallet(graph, ids.customer_id);
  const method = wallet.find((one) => one.payment_method_id === ids.payment_method_id);
  if (method === undefined || method.removed_at === null) return 'kept';
  const key = await findChargeInFlight(graph, ids);
  // Detached under its charge, that would be refused for a reason that no card has.
  if (key !== undefined)
    throw new PersonaError('charge_in_doubt', `the charge ${key} on this method is under way`);
  const [owner, token] = await Promise.all([
    getGatewayCustomer(graph, ids),
    getPaymentMethodToken(graph, ids),
  ]);
  const found = await gatewayCall(gateway.getPaymentMethod(token.reveal()));
  if (!shouldDetach(method, owner, found)) return 'not_attached';
  return await gatewayCall(gateway.detachPaymentMethod(token.reveal()));
}
