import { PersonaError } from '../../domain/errors.ts';
import { workflowCaller, WorkflowName } from '../../domain/workflow-contracts.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import type { ForgottenCustomer } from './forgotten-customer.ts';

const NEXT = `
  MATCH (other:Customer)-[:POSSIBLY_SAME_AS]->(:Customer {id: $customer_id})
  RETURN other.id AS id LIMIT 1`;
// The edge's own lock on both ends comes with the customer's, which the command has.
const RENAME = `
  MATCH (other:Customer {id: $other_id})-[match:POSSIBLY_SAME_AS]->(:Customer {id: $customer_id})
  MATCH (pseudonym:Customer {id: $pseudonym})
  CREATE (other)-[moved:POSSIBLY_SAME_AS]->(pseudonym)
  SET moved = properties(match)
  DELETE match
  WITH moved
  CALL () {
    MATCH (e:PersonaEvent {stream_id: $other_id})
    WHERE e.seq > 0 AND e.type IN $types AND e.data CONTAINS $customer_id
    SET e.data = replace(e.data, $customer_id, $pseudonym)
  }
  CALL () {
    MATCH (r:CommandReceipt {stream_id: $other_id}) WHERE r.result CONTAINS $customer_id
    SET r.result = replace(r.result, $customer_id, $pseudonym)
  }
  RETURN moved.status AS status`;
const DROP = `
  MATCH (:Customer {id: $other_id})-[match:POSSIBLY_SAME_AS]->(:Customer {id: $customer_id})
  DELETE match`;

/** Events of one customer that name another. */
const NAMING_TYPES = [
  'IdentityMatchSuggested',
  'IdentityMatchResolved',
  'RelationshipAdded',
  'RelationshipAttributeChanged',
];

/**
 * In the streams and receipts of customers to whom the forgotten one was suggested, the id becomes the pseudonym, and an
 * open suggestion ends.
 * @throws PersonaError graph_unavailable
 */
export async function renameInSuggestions(
  graph: Graph,
  { erasure_id, customer_id, pseudonym }: ForgottenCustomer,
  onProgress: () => void,
): Promise<void> {
  for (; ; onProgress()) {
    const [next] = await graph.read<{ id: string }>(NEXT, { customer_id });
    if (next === undefined) return;
    const names = { other_id: next.id, customer_id, pseudonym };
    const header = {
      caller: workflowCaller(WorkflowName.eraseCustomer),
      ...{ idempotencyKey: `erasure:${erasure_id}:suggestion:${next.id}`, actor: 'persona' },
      ...{ correlationId: pseudonym, occurredAt: new Date(graph.now()).toISOString() },
    };
    try {
      await runCommand(graph, header, 'renameInSuggestions', null, async (tx) => {
        await tx.lockCustomer(next.id);
        const [renamed] = await tx.run<{ status: string }>(RENAME, { ...names, types: NAMING_TYPES });
        if (renamed?.status === 'suggested')
          tx.append({
            stream: 'customer',
            stream_id: next.id,
            type: 'IdentityMatchResolved',
            data: { customer_id: pseudonym, status: 'erased', reason: 'the other customer was erased' },
          });
        tx.discardReceipt();
        return null;
      });
    } catch (error) {
      if (!(error instanceof PersonaError) || error.type !== 'customer_not_found') throw error;
      // The other one is being forgotten as well, with the whole stream.
      const session = graph.writeSession();
      try {
        await session.run(DROP, names);
      } finally {
        await session.close();
      }
    }
  }
}
