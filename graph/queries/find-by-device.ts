import { isBlocked } from '../../domain/blocked-values.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Graph } from '../kernel/graph.ts';
import { findByHashes } from '../kernel/identity-locks.ts';

/** The customers who log in from a device. */
export interface DeviceUsers {
  device_id: string;
  /** The total number; `customers` may list fewer. */
  linked_customers: number;
  customers: { customer_id: string; last_login: string; proven: boolean }[];
}

/** A kiosk has a hundred thousand customers: no caller needs more than these. */
const MAX_CUSTOMERS = 100;

// The degree is read without traversing the edges.
const USERS = `
  UNWIND $hashes AS hash
  MATCH (d:Device {fingerprint_hash: hash})
  RETURN d.id AS device_id, COUNT { (d)<-[:LOGGED_IN_FROM]-() } AS linked_customers,
    COLLECT {
      MATCH (d)<-[l:LOGGED_IN_FROM]-(c:Customer)
      WHERE NOT c.status IN ['erasing', 'erased']
      RETURN {customer_id: c.id, last_login: l.last_login, proven: l.proven} LIMIT $most
    } AS customers
  LIMIT 1`;

/**
 * The customers who use the device with this fingerprint, at most 100 of them, in no particular order. A blocked
 * fingerprint matches no device.
 * @returns `undefined`: the device is unknown
 */
export async function findCustomersByDeviceFingerprint(
  graph: Graph,
  input: { fingerprint: string; policy: Pick<Policy, 'onboarding'> },
): Promise<DeviceUsers | undefined> {
  const { fingerprint, policy } = input;
  if (isBlocked('device_fingerprint', fingerprint, policy.onboarding.blockedValues)) return undefined;
  const hashes = graph.blindIndex.hashes('fingerprint', fingerprint);
  const [row] = await findByHashes<DeviceUsers>(graph, hashes, {
    cypher: USERS,
    parameters: { hashes, most: MAX_CUSTOMERS },
  });
  return row;
}
