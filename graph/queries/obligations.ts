import type { Reader } from '../graph.ts';
import type { ObligationNode } from '../recovery/records.ts';
import { getCustomer } from './customer.ts';

const OBLIGATIONS = `
  MATCH (:Customer {id: $customer_id})-[:OWES]->(o:Obligation)
  WHERE $states IS NULL OR o.state IN $states
  WITH o ORDER BY o.opened_at DESC, o.payment_id
  WHERE $before IS NULL OR o.opened_at < datetime($before.opened_at)
    OR (o.opened_at = datetime($before.opened_at) AND o.payment_id > $before.payment_id)
  RETURN properties(o) AS obligation LIMIT $limit`;

/**
 * A customer's open and closed obligations, newest first, including those settled before any failure was reported.
 * @param input.states only these; absent: all
 * @param input.before the last one of the previous page
 * @throws PersonaError customer_not_found
 */
export async function getObligations(
  reader: Reader,
  input: {
    customer_id: string;
    states?: ObligationNode['state'][];
    limit: number;
    before?: { opened_at: string; payment_id: string };
  },
): Promise<ObligationNode[]> {
  const { customer_id, states = null, limit, before = null } = input;
  const [rows] = await Promise.all([
    reader.read<{ obligation: ObligationNode }>(OBLIGATIONS, { customer_id, states, limit, before }),
    getCustomer(reader, { customer_id }),
  ]);
  return rows.map(({ obligation }) => obligation);
}
