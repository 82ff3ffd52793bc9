import { isHidden } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { Reader } from '../kernel/reader.ts';
import { withoutNulls } from '../kernel/values.ts';

export interface Checkout {
  status: string;
  /** The device, if the customer has a proven login from it. */
  device?: {
    trust_score: number;
    /** RFC 3339; absent if never observed. */
    trust_observed_at?: string;
  };
}

// Both ends are named, because either may have many logins: a kiosk, a customer who clears cookies. Between two known
// nodes Neo4j reads those of the one with fewer.
const CHECKOUT = `
  MATCH (c:Customer {id: $customer_id})
  OPTIONAL MATCH (d:Device {id: $device_id})
  USING INDEX SEEK d:Device(id)
  WITH c, d
  OPTIONAL MATCH (c)-[l:LOGGED_IN_FROM {proven: true}]->(d)
  RETURN c.status AS status, l IS NOT NULL AS is_own, d.trust_score AS trust_score,
    d.trust_observed_at AS trust_observed_at`;

/**
 * A customer at a checkout, and the device that they use.
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function getCheckout(
  reader: Reader,
  { customer_id, device_id = null }: { customer_id: string; device_id?: string | null },
): Promise<Checkout> {
  const [row] = await reader.read<{
    status: string;
    is_own: boolean;
    trust_score: number;
    trust_observed_at: string | null;
  }>(CHECKOUT, { customer_id, device_id });
  if (row === undefined || isHidden(row.status))
    throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  const { status, is_own, ...device } = row;
  return is_own ? { status, device: withoutNulls(device) } : { status };
}
