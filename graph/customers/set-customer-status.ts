import { PersonaError } from '../../domain/errors.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';
import { getOpenObligations } from '../recovery/queries.ts';

/**
 * Suspends a customer or lifts the suspension. Setting the current status changes nothing.
 * @param input.reason - whose decision or which rule; recorded in the event
 * @returns also, if the status changed, the payments whose open recoveries are to receive `customerStatusChanged`
 * @throws PersonaError customer_not_found
 */
export async function setCustomerStatus(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; status: 'active' | 'suspended'; reason: string },
): Promise<{ changed: boolean; version: number; recoveries: string[] }> {
  const { customer_id, status, reason } = input;
  if (status !== 'active' && status !== 'suspended') {
    throw new PersonaError('illegal_transition', `a customer's status cannot be set to ${String(status)}`);
  }
  return runCommand(graph, header, 'setCustomerStatus', input, async (tx) => {
    const customer = await tx.lockCustomer(customer_id);
    const changed = customer.status !== status;
    if (changed) {
      tx.append({
        stream: 'customer',
        stream_id: customer_id,
        type: 'CustomerStatusChanged',
        data: { old_status: customer.status, new_status: status, reason },
      });
    }
    const recoveries = changed ? await getOpenObligations(tx, customer_id) : [];
    return { changed, version: tx.versionOf(customer_id), recoveries };
  });
}
