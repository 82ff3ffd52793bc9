import type { Reader } from '../graph.ts';
import { getCustomer } from './customer.ts';

/** What two customers share: by the id of the device, or of the asked customer's own method or address. */
export interface Connection {
  kind: 'device' | 'instrument' | 'address';
  id: string;
}

export interface ConnectedCustomer {
  customer_id: string;
  evidence: Connection[];
}

/** What many share says nothing about any two of them, and walking it would take long. */
const MAX_DEVICES_WALKED = 1_000;

// Proven or not: what is hidden is what is asked for. A crowd's device, card or address is left out before it is walked.
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
  WITH c, other, evidence WHERE other <> c AND other.status <> 'erased'
  WITH other, collect(DISTINCT evidence) AS evidence
  RETURN other.id AS customer_id, evidence
  ORDER BY size(evidence) DESC, customer_id LIMIT $limit`;

/**
 * Other customers who share a device, a card's plastic or an address with one: the hidden links that fraud work asks
 * for, never a reason to merge. Those who share the most come first.
 * @param input.crowd what more customers than this share is no link
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
