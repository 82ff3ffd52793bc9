import { isHidden } from '../../domain/erasure/visibility.ts';
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
 * The index on the login edge yields this customer's newest devices in order, so that neither all of
 * the customer's devices nor the other customers of a shared device are traversed. Fifty devices are returned as three
 * lists with times as numbers: as maps with DateTimes they would cost more than the rest of the query, at both ends.
 * The target of a login is always a device: checking its label would read the node once more.
 */
const TRUSTED_DEVICES = (id: string, isTrusted: string) => `
  CALL (c) {
    MATCH ()-[l:LOGGED_IN_FROM]->(d)
    USING INDEX SEEK l:LOGGED_IN_FROM(customer_id, proven, last_login)
    WHERE l.customer_id = ${id} AND l.proven = true AND l.last_login IS NOT NULL
    WITH l, d ORDER BY l.customer_id DESC, l.proven DESC, l.last_login DESC LIMIT $device_window
    WITH l, d WHERE ${isTrusted}
    WITH l, d LIMIT 50
    RETURN collect(d.id) AS device_ids, collect(d.trust_score) AS trust_scores,
      collect(l.last_login.epochMillis) AS last_logins
  }`;

/**
 * The version is read first. Neo4j has no snapshots: a command that commits while the query runs is seen from then on, so
 * a version that is read last could be newer than what was read before it. What is read may be newer than the version.
 */
const contextQuery = (customer: string, devices: string, columns: string) => `
  ${customer}
  WITH c, c.version AS version
  ${devices}
  CALL (c) {
    OPTIONAL MATCH (c)-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
    WHERE h.proven AND p.removed_at IS NULL
    RETURN count(p) AS payment_method_count, head(collect(CASE WHEN h.is_default THEN p.id END)) AS default_payment_method_id
  }
  RETURN c.id AS customer_id, c.ltv_minor AS ltv_minor, c.segment AS segment, c.status AS status,
    version, ${columns} payment_method_count, default_payment_method_id,
    COUNT {
      MATCH (c)-[s:SHIPPED_TO]->(a:Address) WHERE s.proven AND a.is_verified AND a.type = 'shipping'
    } AS verified_shipping_address_count`;

const withDevices = (customer: string, id: string) =>
  trustQuery((isTrusted) =>
    contextQuery(customer, TRUSTED_DEVICES(id, isTrusted), 'device_ids, trust_scores, last_logins,'),
  );
const CUSTOMERS = 'UNWIND $customer_ids AS customer_id MATCH (c:Customer {id: customer_id})';
export const customerContextQuery = withDevices('MATCH (c:Customer {id: $customer_id})', '$customer_id');
const customerContextsQuery = withDevices(CUSTOMERS, 'c.id');
const WITHOUT_DEVICES = contextQuery(CUSTOMERS, '', '');

type ContextWithoutDevices = Omit<CustomerContext, 'trusted_devices'>;
type RowWithoutDevices = Omit<ContextWithoutDevices, 'is_vip' | 'as_of'>;

/** The query's row: ids, scores and last logins (epoch milliseconds) of the trusted devices, each in a list. */
interface CustomerContextRow extends RowWithoutDevices {
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

/**
 * The same without their devices, which take most of the time.
 * @throws PersonaError graph_unavailable
 */
export async function getContextsWithoutDevices(
  graph: Graph,
  { customer_ids, policy }: { customer_ids: readonly string[]; policy: Pick<Policy, 'context'> },
): Promise<ContextWithoutDevices[]> {
  const now = graph.now();
  const rows = await graph.read<RowWithoutDevices>(WITHOUT_DEVICES, { customer_ids });
  return toContexts(rows, now, policy.context.vipLtvMinor);
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
  return toContexts(rows, now, policy.context.vipLtvMinor).map(withTrustedDevices);
}

function toContexts<Row extends RowWithoutDevices>(rows: readonly Row[], now: number, vipLtvMinor: number) {
  const as_of = new Date(now).toISOString();
  return rows
    .filter(({ status }) => !isHidden(status))
    .map((row) =>
      withoutNulls({ ...row, is_vip: row.segment === 'VIP' || row.ltv_minor >= vipLtvMinor, as_of }),
    );
}

function withTrustedDevices({
  device_ids,
  trust_scores,
  last_logins,
  ...context
}: ContextWithoutDevices &
  Pick<CustomerContextRow, 'device_ids' | 'trust_scores' | 'last_logins'>): CustomerContext {
  const trusted_devices = device_ids.map((device_id, index) => ({
    device_id,
    trust_score: Number(trust_scores[index]),
    last_login: new Date(Number(last_logins[index])).toISOString(),
  }));
  return { ...context, trusted_devices };
}
