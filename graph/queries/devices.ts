import type { Graph } from '../kernel/graph.ts';
import { withoutNulls } from '../kernel/values.ts';
import { requireVisibleCustomer } from './payment-methods.ts';

/** A device as one customer uses it; times are RFC 3339 in UTC. */
export interface CustomerDevice {
  device_id: string;
  trust_score: number;
  /** Absent if never observed. */
  trust_observed_at?: string;
  login_count: number;
  first_login: string;
  last_login: string;
  changed_seq: number;
}

const DEVICES = `
  MATCH ()-[l:LOGGED_IN_FROM]->(d:Device)
  USING INDEX SEEK l:LOGGED_IN_FROM(customer_id, proven, last_login)
  WHERE l.customer_id = $customer_id AND l.proven = true AND l.last_login IS NOT NULL
    AND ($before IS NULL OR l.last_login <= datetime($before.last_login))
  WITH l, d
  WHERE $before IS NULL OR l.last_login < datetime($before.last_login) OR d.id > $before.device_id
  RETURN d.id AS device_id, d.trust_score AS trust_score, d.trust_observed_at AS trust_observed_at, l.login_count AS login_count,
    l.first_login AS first_login, l.last_login AS last_login, d.changed_seq AS changed_seq
  ORDER BY l.last_login DESC, device_id LIMIT $limit`;

/** More devices than any caller needs. */
const ALL = 1_000;

/**
 * The devices with a customer's proven logins, most recent login first.
 * @param input.before the last one of the previous page
 * @throws PersonaError customer_not_found
 */
export async function getDevices(
  graph: Graph,
  input: { customer_id: string; limit?: number; before?: { last_login: string; device_id: string } },
): Promise<CustomerDevice[]> {
  const { customer_id, limit = ALL, before = null } = input;
  const [rows] = await Promise.all([
    graph.read<CustomerDevice>(DEVICES, { customer_id, limit, before }),
    requireVisibleCustomer(graph, { customer_id }),
  ]);
  return rows.map(withoutNulls);
}
