/** What the gateway changed of a method or of a payment by itself, handed to the process that reads it there. */

import type { DisputeUpdate, MandateUpdate, MethodUpdate, RefundUpdate } from '../domain/ports.ts';
import type { GatewayChange } from '../domain/workflow-contracts.ts';
import { findKnownMethod, type Graph, wasReceived } from '../graph/index.ts';
import { findKnownRefund } from '../graph/recovery/index.ts';

/** A change of something that is Persona's, or may be. */
export interface FoundGatewayChange {
  /** Absent: only the gateway knows whose method was charged. */
  customer_id?: string;
  change: GatewayChange;
  /** There is nothing to do: the event was handed on before, or its method is in no wallet any more. */
  known: boolean;
}

/** `undefined`: none of Persona's business. @throws PersonaError graph_unavailable */
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
