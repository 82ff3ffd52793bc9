import { PersonaError } from '../domain/errors.ts';
import { shouldDetach } from '../domain/method-change.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import { type Graph, getGatewayCustomer, getPaymentMethodToken, readWallet } from '../graph/index.ts';
import { findChargeInFlight } from '../graph/recovery/index.ts';
import type { MethodIds, RemovalActivities } from '../workflows/remove-payment-method.ts';
import { gatewayCall } from './gateway-faults.ts';

/**
 * Detaches a removed method at the gateway. Safe to run twice, and concurrently.
 *
 * @throws PersonaError charge_unresolved: a charge of it is in progress; gateway_unavailable, gateway_misconfigured
 */
export async function detachRemovedMethod(
  { graph, gateway }: { graph: Graph; gateway: PaymentGateway },
  ids: MethodIds,
): ReturnType<RemovalActivities['detachPaymentMethod']> {
  const wallet = await readWallet(graph, ids.customer_id);
  const method = wallet.find((one) => one.payment_method_id === ids.payment_method_id);
  if (method === undefined || method.removed_at === null) return 'kept';
  const key = await findChargeInFlight(graph, ids);
  // Detaching it during a charge would get that charge declined for a reason that is not the card's.
  if (key !== undefined)
    throw new PersonaError('charge_unresolved', `charge ${key} of this payment method is in progress`);
  const [owner, token] = await Promise.all([
    getGatewayCustomer(graph, ids),
    getPaymentMethodToken(graph, ids),
  ]);
  const found = await gatewayCall(gateway.getPaymentMethod(token.reveal()));
  if (!shouldDetach(method, owner, found)) return 'not_attached';
  return await gatewayCall(gateway.detachPaymentMethod(token.reveal()));
}
