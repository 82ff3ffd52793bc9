import { PersonaError } from '../../domain/errors.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';

/**
 * Suspends a customer or lifts the suspension. The status it already has is no change.
 * @param input.reason - whose decision or which rule; it stands in the event
 * @throws PersonaError customer_not_found
 */
export async function setCustomerStatus(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; status: 'active' | 'suspended'; reason: string },
): Promise<{ changed: boolean; version: number }> {
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
    return { changed, version: tx.versionOf(customer_id) };
  });
}
