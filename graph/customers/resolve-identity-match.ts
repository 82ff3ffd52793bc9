import { PersonaError } from '../../domain/errors.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph } from '../graph.ts';

export interface MatchResolution {
  /** Either of the two customers. */
  customer_id: string;
  other_customer_id: string;
  status: 'confirmed' | 'rejected';
  /** Recorded in the event. */
  reason: string;
}

const MATCH = `
  MATCH (a:Customer {id: $customer_id})
  MATCH (b:Customer {id: $other_customer_id})
  MATCH (a)-[match:POSSIBLY_SAME_AS]-(b)
  RETURN startNode(match).id AS customer_id, endNode(match).id AS other_customer_id, match.status AS status`;

/**
 * Records an operator's decision about a suggestion that two customers are the same. It merges nothing; a rejected pair
 * is not suggested again.
 * @throws PersonaError customer_not_found, relationship_not_found, illegal_transition (already decided the other way)
 */
export async function resolveIdentityMatch(
  graph: Graph,
  header: CommandHeader,
  input: MatchResolution,
): Promise<{ changed: boolean; version: number }> {
  const { customer_id, other_customer_id } = input;
  return runCommand(graph, header, 'resolveIdentityMatch', input, async (tx) => {
    const [first = '', second = ''] = [customer_id, other_customer_id].sort();
    await Promise.all([tx.lockCustomer(first), tx.lockCustomer(second)]);
    const changed = await resolveSuggestion(tx, input);
    return { changed, version: tx.versionOf(customer_id) };
  });
}

/**
 * The same for two locked customers. There may be a suggestion in each direction: the decision applies to both.
 * @returns whether a suggestion was open until now
 */
export async function resolveSuggestion(
  tx: CommandTx,
  { customer_id, other_customer_id, status, reason }: MatchResolution,
): Promise<boolean> {
  const matches = await tx.run<{ customer_id: string; other_customer_id: string; status: string }>(MATCH, {
    customer_id,
    other_customer_id,
  });
  if (matches.length === 0) {
    throw new PersonaError(
      'relationship_not_found',
      `there is no suggested match of customers ${customer_id} and ${other_customer_id}`,
    );
  }
  const conflicting = matches.find((match) => match.status !== 'suggested' && match.status !== status);
  if (conflicting)
    throw new PersonaError('illegal_transition', `the match is already ${conflicting.status}, not ${status}`);
  const open = matches.filter((match) => match.status === 'suggested');
  for (const match of open) {
    tx.append({
      stream: 'customer',
      stream_id: match.customer_id,
      type: 'IdentityMatchResolved',
      data: { customer_id: match.other_customer_id, status, reason },
    });
  }
  return open.length > 0;
}
