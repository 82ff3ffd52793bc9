import { isBlocked } from '../../domain/blocked-values.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Graph } from '../graph.ts';

/** Who logs in from a device. */
export interface DeviceUsers {
  device_id: string;
  /** How many there are; `customers` may be fewer. */
  linked_customers: number;
  customers: { customer_id: string; last_login: string; proven: boolean }[];
}

/** A kiosk has a hundred thousand: nobody looks at more than these. */
const MAX_CUSTOMERS = 100;

// The degree is read, not walked.
const USERS = `
  UNWIND $hashes AS hash
  MATCH (d:Device {fingerprint_hash: hash})
  RETURN d.id AS device_id, COUNT { (d)<-[:LOGGED_IN_FROM]-() } AS linked_customers,
    COLLECT {
      MATCH (d)<-[l:LOGGED_IN_FROM]-(c:Customer)
      WHERE c.status <> 'erased'
      RETURN {customer_id: c.id, last_login: l.last_login, proven: l.proven} LIMIT $most
    } AS customers
  LIMIT 1`;

/**
 * The customers who use the device of this fingerprint, at most 100 of them, in no order. A fingerprint that identifies
 * nothing belongs to nobody.
 * @returns `undefined`: nobody has used such a device
 */
export async function findCustomersByDeviceFingerprint(
  graph: Graph,
  input: { fingerprint: string; policy: Pick<Policy, 'onboarding'> },
): Promise<DeviceUsers | undefined> {
  const { fingerprint, policy } = input;
  if (isBlocked('device_fingerprint', fingerprint, policy.onboarding.blockedValues)) return undefined;
  const hashes = graph.blindIndex.hashes('fingerprint', fingerprint);
  const [row] = await graph.read<DeviceUsers>(USERS, { hashes, most: MAX_CUSTOMERS });
  return row;
}
