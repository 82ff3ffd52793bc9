import type { Reader } from '../kernel/reader.ts';
import { getCustomer } from './customer.ts';

/** What two customers share: the id is the device's, or that of the given customer's method or address. */
export interface Connection {
  kind: 'device' | 'instrument' | 'address';
  id: string;
}

export interface ConnectedCustomer {
  customer_id: string;
  evidence: Connection[];
}

/** Limits the number of devices that are traversed. */
const MAX_DEVICES_WALKED = 1_000;

// Proven or not, because hidden links are what the search is for. A device, card or address that more than `$crowd`
// customers share says nothing about any two of them, and is excluded before it is traversed.
const CONNECTED = `
  MATCH (c:Customer {id: $customer_id})
  CALL (c) {
    MATCH (c)-[:LOGGED_IN_FROM]->(d:Device)
    WITH c, d LIMIT $walked
    WHERE COUNT { (d)<-[:LOGGED_IN_FROM]-() } <= $crowd
    MATCH (d)<-[:LOGGED_IN_FROM]-(other:Customer)
    RETURN other, {kind: 'device', id: d.id} AS evidence
    UNION
    MATCH (c)-[:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
    WHERE p.instrument_fingerprint IS NOT NULL
    CALL (p) {
      MATCH (same:PaymentMethod {instrument_fingerprint: p.instrument_fingerprint})<-[:HAS_PAYMENT_METHOD]-(o:Customer)
      WITH o LIMIT $crowd + 1
      RETURN collect(o) AS owners
    }
    UNWIND CASE WHEN size(owners) > $crowd THEN [] ELSE owners END AS other
    RETURN other, {kind: 'instrument', id: p.id} AS evidence
    UNION
    MATCH (c)-[:SHIPPED_TO]->(a:Address)
    CALL (a) {
      MATCH (same:Address {address_hash: a.address_hash})<-[:SHIPPED_TO]-(o:Customer)
      WITH o LIMIT $crowd + 1
      RETURN collect(o) AS owners
    }
    UNWIND CASE WHEN size(owners) > $crowd THEN [] ELSE owners END AS other
    RETURN other, {kind: 'address', id: a.id} AS evidence
  }
  WITH c, other, evidence WHERE other <> c AND NOT other.status IN ['erasing', 'erased']
  WITH other, collect(DISTINCT evidence) AS evidence
  RETURN other.id AS customer_id, evidence
  ORDER BY size(evidence) DESC, customer_id LIMIT $limit`;

/**
 * Other customers who share a device, a card or an address with a customer: hidden links for fraud investigations,
 * never a reason to merge. Those with the most in common are first.
 * @param input.crowd what more customers than this share is not a link
 * @throws PersonaError customer_not_found
 */
export async function findConnectedCustomers(
  reader: Reader,
  input: { customer_id: string; crowd: number; limit: number },
): Promise<ConnectedCustomer[]> {
  const { customer_id, crowd, limit } = input;
  const [rows] = await Promise.all([
    reader.read<ConnectedCustomer>(CONNECTED, { customer_id, crowd, limit, walked: MAX_DEVICES_WALKED }),
    getCustomer(reader, { customer_id }),
  ]);
  return rows;
}
