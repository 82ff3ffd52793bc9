import { PersonaError } from '../../domain/errors.ts';
import type { CustomerStatus } from '../../domain/events.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Graph } from '../graph.ts';
import { withoutNulls } from '../values.ts';

/** What an agent wants to know before it routes a transaction. Only what is proven and not removed counts. */
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
 * One round trip. The index on the login edge gives the newest devices of this customer in order, so that neither all
 * devices that the customer ever had nor the other customers of a shared device are walked.
 */
export const CUSTOMER_CONTEXT = `
  MATCH (c:Customer {id: $customer_id})
  CALL (c) {
    MATCH ()-[l:LOGGED_IN_FROM]->(d:Device)
    USING INDEX l:LOGGED_IN_FROM(customer_id, proven, last_login)
    WHERE l.customer_id = $customer_id AND l.proven = true AND l.last_login IS NOT NULL
    WITH l, d ORDER BY l.customer_id DESC, l.proven DESC, l.last_login DESC LIMIT $device_window
    WITH l, d WHERE d.trust_score >= $threshold
    WITH l, d LIMIT 50
    RETURN collect({device_id: d.id, trust_score: d.trust_score, last_login: l.last_login}) AS trusted_devices
  }
  CALL (c) {
    OPTIONAL MATCH (c)-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
    WHERE h.proven AND p.removed_at IS NULL
    RETURN count(p) AS payment_method_count, head(collect(CASE WHEN h.is_default THEN p.id END)) AS default_payment_method_id
  }
  RETURN c.id AS customer_id, c.ltv_minor AS ltv_minor, c.segment AS segment, c.status AS status,
    c.version AS version, trusted_devices, payment_method_count, default_payment_method_id,
    COUNT {
      MATCH (c)-[s:SHIPPED_TO]->(a:Address) WHERE s.proven AND a.is_verified AND a.type = 'shipping'
    } AS verified_shipping_address_count`;

/**
 * @param input.anywhere of a cluster, ask any member, which may not have heard of the newest yet
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function getCustomerContext(
  graph: Graph,
  input: { customer_id: string; anywhere?: boolean; policy: Pick<Policy, 'context' | 'trust'> },
): Promise<CustomerContext> {
  const { customer_id, anywhere = false, policy } = input;
  const as_of = new Date(graph.now()).toISOString();
  const read = anywhere ? graph.readAnywhere : graph.read;
  const [row] = await read<Omit<CustomerContext, 'is_vip' | 'as_of'>>(CUSTOMER_CONTEXT, {
    customer_id,
    device_window: policy.context.deviceWindow,
    threshold: policy.trust.threshold,
  });
  if (row === undefined || row.status === 'erased') {
    throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  }
  const is_vip = row.segment === 'VIP' || row.ltv_minor >= policy.context.vipLtvMinor;
  return withoutNulls({ ...row, is_vip, as_of });
}
