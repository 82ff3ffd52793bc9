import type { Evidence, IdentifierMatch } from '../../domain/recognition.ts';
import type { CommandTx } from '../command-tx.ts';
import type { IncomingIdentifier, Incoming } from './incoming.ts';

/** Whom the request points to, and what of it is there already. */
export interface Found {
  evidence: Evidence;
  /** The customer id of the request belongs to somebody who was erased or merged. */
  givenIsGone: boolean;
  /** Every identifier of the request with who has it, also where it is no evidence. */
  held: Map<IncomingIdentifier, IdentifierMatch[]>;
  deviceId?: string;
}

const GIVEN_CUSTOMER = 'MATCH (c:Customer {id: $customer_id}) RETURN c.status AS status';

const HOLDERS = `
  UNWIND $identifiers AS wanted
  UNWIND wanted.hashes AS value_hash
  MATCH (i:DigitalIdentifier {type: wanted.type, value_hash: value_hash})<-[h:HAS_DIGITAL_IDENTIFIER]-(c:Customer)
  WHERE c.status IN ['active', 'suspended']
  RETURN wanted.position AS position, i.id AS identifier_id, i.is_verified AS is_verified,
    c.id AS customer_id, h.linked_at AS linked_at`;

/** So many customers of a known device are suggested; it may have more. */
const DEVICE_SUGGESTIONS = 5;

// The degree is read without walking the edges; a device of too many customers is not walked at all.
const DEVICE = `
  UNWIND $hashes AS hash
  MATCH (d:Device {fingerprint_hash: hash})
  WITH d, COUNT { (d)<-[:LOGGED_IN_FROM]-() } AS linked_customers
  CALL (d, linked_customers) {
    WITH d, linked_customers WHERE linked_customers <= $limit
    MATCH (d)<-[l:LOGGED_IN_FROM]-(c:Customer)
    WHERE l.proven AND c.status IN ['active', 'suspended']
    WITH c, l ORDER BY l.last_login DESC, c.id LIMIT $suggestions
    RETURN collect(c.id) AS customer_ids
  }
  RETURN d.id AS device_id, linked_customers, customer_ids LIMIT 1`;

/** Looks everything up at once; the identities are locked, so it stays true until the end of the transaction. */
export async function findEvidence(tx: CommandTx, incoming: Incoming, deviceLimit: number): Promise<Found> {
  const { customer_id } = incoming.request;
  const [given, holders, devices] = await Promise.all([
    customer_id === undefined ? [] : tx.run<{ status: string }>(GIVEN_CUSTOMER, { customer_id }),
    tx.run<Omit<IdentifierMatch, 'type' | 'claimed_verified' | 'holders'> & { position: number }>(HOLDERS, {
      identifiers: incoming.identifiers.map(({ type, hashes }, position) => ({ type, hashes, position })),
    }),
    tx.run<{ device_id: string; linked_customers: number; customer_ids: string[] }>(DEVICE, {
      hashes: incoming.device?.hashes ?? [],
      limit: deviceLimit,
      suggestions: DEVICE_SUGGESTIONS,
    }),
  ]);
  const held = new Map(
    incoming.identifiers.map((identifier, position): [IncomingIdentifier, IdentifierMatch[]] => {
      const rows = holders.filter((row) => row.position === position);
      return [
        identifier,
        rows.map(({ position: _, ...row }) => ({
          ...row,
          type: identifier.type,
          claimed_verified: identifier.is_verified,
          holders: rows.length,
        })),
      ];
    }),
  );
  const [customer] = given;
  const [device] = devices;
  const isHere = customer?.status === 'active' || customer?.status === 'suspended';
  return {
    evidence: {
      ...(isHere ? { given_customer_id: customer_id } : {}),
      identifiers: [...held.values()].flat(),
      ...(device === undefined ? {} : { device }),
    },
    givenIsGone: customer !== undefined && !isHere,
    held,
    ...(device === undefined ? {} : { deviceId: device.device_id }),
  };
}
