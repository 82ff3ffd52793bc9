/** Changes that the gateway made to a method or a payment on its own, for the process that reads them there. */

import type { DisputeUpdate, MandateUpdate, MethodUpdate, RefundUpdate } from '../domain/ports.ts';
import type { GatewayChange } from '../domain/workflow-contracts.ts';
import { findKnownMethod, type Graph, wasReceived } from '../graph/index.ts';
import { findKnownRefund } from '../graph/recovery/index.ts';

/** A change of an object that is, or may be, known to Persona. */
export interface FoundGatewayChange {
  /** Absent: the owner of the charged method can only be read at the gateway. */
  customer_id?: string;
  change: GatewayChange;
  /** Nothing to do: the event has already been forwarded, or its method is no longer in a wallet. */
  known: boolean;
}

/** `undefined`: not related to Persona. @throws PersonaError graph_unavailable */
export async function findGatewayChange(
  graph: Graph,
  update: MethodUpdate | MandateUpdate | RefundUpdate | DisputeUpdate,
): Promise<FoundGatewayChange | undefined> {
  const { event_id } = update;
  if ('dispute_ref' in update) {
    const { about: changed, dispute_ref, charge_ref } = update;
    const change: GatewayChange = { event_id, changed, dispute_ref, charge_ref };
    return { change, known: await wasReceived(graph, event_id) };
  }
  if (update.about === 'refund') {
    const subject = await findKnownRefund(graph, update);
    if (subject === undefined) return undefined;
    const { customer_id, payment_id, received } = subject;
    const { gateway_ref } = update;
    return {
      customer_id,
      change: { event_id, changed: 'refunds', payment_id, gateway_ref },
      known: received,
    };
  }
  const subject = await findKnownMethod(graph, update);
  if (subject === undefined) return undefined;
  const { customer_id, payment_method_id, removed, received } = subject;
  const change: GatewayChange =
    update.about === 'mandate'
      ? { event_id, changed: 'mandate', payment_method_id, mandate_ref: update.mandate_ref }
      : { event_id, changed: 'payment_method', payment_method_id };
  return { customer_id, change, known: removed || received };
}
