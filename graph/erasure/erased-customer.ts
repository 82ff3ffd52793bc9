import type { Graph } from '../kernel/graph.ts';
import { isErasedId } from './erased-ids.ts';

const STATUS = 'OPTIONAL MATCH (c:Customer {id: $customer_id}) RETURN c.status AS status';

/**
 * Whether this customer is hidden because of an erasure (`erasing`), or erased; also a pseudonym is. `undefined`: neither.
 * @throws PersonaError graph_unavailable
 */
export async function findErasureOf(
  graph: Graph,
  customer_id: string,
): Promise<'erasing' | 'erased' | undefined> {
  const [row] = await graph.read<{ status: string | null }>(STATUS, { customer_id });
  if (row?.status === 'erasing' || row?.status === 'erased') return row.status;
  return (await isErasedId(graph, graph, customer_id)) ? 'erased' : undefined;
}
