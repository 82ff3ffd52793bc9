import { PersonaError } from '../../domain/errors.ts';
import type { CustomerStatus } from '../../domain/events/customer.ts';
import type { Policy } from '../../domain/policy.ts';
import { trustQuery, trustParameters } from '../devices/trust-query.ts';
import type { Graph } from '../kernel/graph.ts';
import { withoutNulls } from '../kernel/values.ts';

/** What an agent needs before it routes a transaction. Only proven data that was not removed counts. */
export interface CustomerContext {
  customer_id: string;
  is_vip: boolean;
  /** Minor units of the reporting currency. */
  ltv_minor: number;
  segment: string;
  status: CustomerStatus;
  /** Newest login first, at most 50. */
  trusted_devices: { device_id: string; trust_score: number; last_login: string }[];
  default_payment_method_id?: string;
  payment_method_count: number;
  verified_shipping_address_count: number;
  version: number;
  /** When this was read, RFC 3339. */
  as_of: string;
}

/**
 * One round trip. The index on the login edge yields this customer's newest devices in order, so that neither all of
 * the customer's devices nor the other customers of a shared device are traversed. Fifty devices are returned as three
 * lists with times as numbers: as maps with DateTimes they would cost more than the rest of the query, at both ends.
 * The target of a login is always a device: checking its label would read the node once more.
 *
 * The version is read first. Neo4j has no snapshots: a command that commits while the query runs is seen from then on, so
 * a version that is read last could be newer than what was read before it. What is read may be newer than the version.
 */
const contextQuery = (customer: string, id: string) =>
  trustQuery(
    (isTrusted) => `
  ${customer}
  WITH c, c.version AS version
  CALL (c) {
    MATCH ()-[l:LOGGED_IN_FROM]->(d)
    USING INDEX SEEK l:LOGGED_IN_FROM(customer_id, proven, last_login)
    WHERE l.customer_id = ${id} AND l.proven = true AND l.last_login IS NOT NULL
    WITH l, d ORDER BY l.customer_id DESC, l.proven DESC, l.last_login DESC LIMIT $device_window
    WITH l, d WHERE ${isTrusted}
    WITH l, d LIMIT 50
    RETURN collect(d.id) AS device_ids, collect(d.trust_score) AS trust_scores,
      collect(l.last_login.epochMillis) AS last_logins
  }
  CALL (c) {
    OPTIONAL MATCH (c)-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
    WHERE h.proven AND p.removed_at IS NULL
    RETURN count(p) AS payment_method_count, head(collect(CASE WHEN h.is_default THEN p.id END)) AS default_payment_method_id
  }
  RETURN c.id AS customer_id, c.ltv_minor AS ltv_minor, c.segment AS segment, c.status AS status,
    version, device_ids, trust_scores, last_logins, payment_method_count, default_payment_method_id,
    COUNT {
      MATCH (c)-[s:SHIPPED_TO]->(a:Address) WHERE s.proven AND a.is_verified AND a.type = 'shipping'
    } AS verified_shipping_address_count`,
  );

export const customerContextQuery = contextQuery('MATCH (c:Customer {id: $customer_id})', '$customer_id');
const customerContextsQuery = contextQuery(
  'UNWIND $customer_ids AS customer_id MATCH (c:Customer {id: customer_id})',
  'c.id',
);

/** The query's row: ids, scores and last logins (epoch milliseconds) of the trusted devices, each in a list. */
interface CustomerContextRow extends Omit<CustomerContext, 'is_vip' | 'as_of' | 'trusted_devices'> {
  device_ids: string[];
  trust_scores: number[];
  last_logins: number[];
}

interface Options {
  /** In a cluster, read from any member, which may not have the latest commands yet. */
  anywhere?: boolean;
  policy: Pick<Policy, 'context' | 'trust'>;
}

/** @throws PersonaError customer_not_found, graph_unavailable */
export async function getCustomerContext(
  graph: Graph,
  { customer_id, ...options }: Options & { customer_id: string },
): Promise<CustomerContext> {
  const [found] = await readContexts(graph, customerContextQuery, { customer_id }, options);
  if (found === undefined)
    throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  return found;
}

/**
 * The contexts of several customers with one query, in no particular order; unknown ones are absent.
 * @throws PersonaError graph_unavailable
 */
export async function getCustomerContexts(
  graph: Graph,
  { customer_ids, ...options }: Options & { customer_ids: readonly string[] },
): Promise<CustomerContext[]> {
  return readContexts(graph, customerContextsQuery, { customer_ids }, options);
}

async function readContexts(
  graph: Graph,
  query: typeof customerContextQuery,
  customers: { customer_id: string } | { customer_ids: readonly string[] },
  { anywhere = false, policy }: Options,
): Promise<CustomerContext[]> {
  const now = graph.now();
  const read = anywhere ? graph.readFromAnyMember : graph.read;
  const rows = await read<CustomerContextRow>(query(policy.trust), {
    ...customers,
    device_window: policy.context.deviceWindow,
    ...trustParameters(policy.trust, now),
  });
  const as_of = new Date(now).toISOString();
  return rows
    .filter(({ status }) => status !== 'erased')
    .map((row) => toContext(row, as_of, policy.context.vipLtvMinor));
}

function toContext(
  { device_ids, trust_scores, last_logins, ...row }: CustomerContextRow,
  as_of: string,
  vipLtvMinor: number,
): CustomerContext {
  const trusted_devices = device_ids.map((device_id, index) => ({
    device_id,
    trust_score: Number(trust_scores[index]),
    last_login: new Date(Number(last_logins[index])).toISOString(),
  }));
  const is_vip = row.segment === 'VIP' || row.ltv_minor >= vipLtvMinor;
  return withoutNulls({ ...row, trusted_devices, is_vip, as_of });
}
