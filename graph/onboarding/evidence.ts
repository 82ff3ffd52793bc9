import type { Evidence, IdentifierMatch } from '../../domain/recognition.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { TokenHolder } from '../wallet/upsert-wallet-method.ts';
import type { IncomingRequest, IncomingIdentifier } from './incoming-request.ts';

/** The customers that the request's data points to, and what of it already exists. */
export interface LookupResult {
  evidence: Evidence;
  /** The request's customer id belongs to an erased or merged customer. */
  isGivenCustomerGone: boolean;
  /** Every identifier of the request with its holders, also if it is no evidence. */
  holdersByIdentifier: Map<IncomingIdentifier, IdentifierMatch[]>;
  /** Identifiers of erased or merged customers. */
  taken: ReadonlySet<IncomingIdentifier | undefined>;
  deviceId?: string;
  tokenHolder?: TokenHolder;
}

/** Maximum number of a known device's customers that are suggested. */
const DEVICE_SUGGESTIONS = 5;

// One statement, because each takes the driver as long as the server. The device's degree is read without traversing
// its edges; a device with too many customers is not traversed at all.
const LOOKUP = `
  CALL () {
    OPTIONAL MATCH (c:Customer {id: $customer_id})
    RETURN c.status AS given_status
  }
  CALL () {
    UNWIND $identifiers AS wanted
    UNWIND wanted.hashes AS value_hash
    MATCH (i:DigitalIdentifier {type: wanted.type, value_hash: value_hash})<-[h:HAS_DIGITAL_IDENTIFIER]-(c:Customer)
    RETURN collect({
      position: wanted.position, is_here: c.status IN ['active', 'suspended'], identifier_id: i.id,
      is_verified: i.is_verified, is_contested: h.contested_seq IS NOT NULL, customer_id: c.id,
      linked_at: h.linked_at, has_verified_email: EXISTS {
        (c)-[:HAS_DIGITAL_IDENTIFIER]->(:DigitalIdentifier {type: 'email', is_verified: true})
      }
    }) AS holders
  }
  CALL () {
    UNWIND $fingerprint_hashes AS fingerprint_hash
    MATCH (d:Device {fingerprint_hash: fingerprint_hash})
    WITH d, COUNT { (d)<-[:LOGGED_IN_FROM]-() } AS linked_customers
    CALL (d, linked_customers) {
      WITH d, linked_customers WHERE linked_customers <= $device_limit
      MATCH (d)<-[l:LOGGED_IN_FROM]-(c:Customer)
      WHERE l.proven AND c.status IN ['active', 'suspended']
      WITH c, l ORDER BY l.last_login DESC, c.id LIMIT $suggestions
      RETURN collect(c.id) AS customer_ids
    }
    RETURN head(collect({device_id: d.id, linked_customers: linked_customers, customer_ids: customer_ids})) AS device
  }
  CALL () {
    UNWIND $token_hashes AS token_hash
    MATCH (p:PaymentMethod {token_hash: token_hash})<-[:HAS_PAYMENT_METHOD]-(c:Customer)
    RETURN head(collect({payment_method_id: p.id, customer_id: c.id})) AS token_holder
  }
  RETURN given_status, holders, device, token_holder`;

interface LookupRow {
  given_status: string | null;
  holders: (Omit<IdentifierMatch, 'type' | 'claimed_verified' | 'holders'> & {
    position: number;
    is_here: boolean;
  })[];
  device: { device_id: string; linked_customers: number; customer_ids: string[] } | null;
  token_holder: TokenHolder | null;
}

/** Looks everything up in one statement; the identities are locked, so the result holds until the transaction ends. */
export async function findEvidence(
  tx: CommandTx,
  incoming: IncomingRequest,
  deviceLimit: number,
): Promise<LookupResult> {
  const { customer_id } = incoming.request;
  const [row] = await tx.run<LookupRow>(LOOKUP, {
    customer_id,
    identifiers: incoming.identifiers.map(({ type, hashes }, position) => ({ type, hashes, position })),
    fingerprint_hashes: incoming.device?.hashes ?? [],
    token_hashes: incoming.tokenHashes,
    device_limit: deviceLimit,
    suggestions: DEVICE_SUGGESTIONS,
  });
  if (row === undefined) throw new Error('the lookup must return one row');
  const { holders, device, given_status: status } = row;
  const holdersByIdentifier = new Map(
    incoming.identifiers.map((identifier, position): [IncomingIdentifier, IdentifierMatch[]] => {
      const rows = holders.filter((row) => row.is_here && row.position === position);
      return [
        identifier,
        rows.map(({ position: _, is_here: __, ...row }) => ({
          ...row,
          type: identifier.type,
          claimed_verified: identifier.is_verified,
          holders: rows.length,
        })),
      ];
    }),
  );
  // Nothing is linked to an erased or merged customer, and their identifiers are not available to others.
  const taken = holders.filter((row) => !row.is_here).map((row) => incoming.identifiers[row.position]);
  const isCurrent = status === 'active' || status === 'suspended';
  return {
    evidence: {
      ...(isCurrent ? { given_customer_id: customer_id } : {}),
      // A contested identifier says nothing about who the request is from.
      identifiers: [...holdersByIdentifier.values()].flat().filter((match) => !match.is_contested),
      claims_verified_email: incoming.identifiers.some(
        ({ type, is_verified }) => type === 'email' && is_verified,
      ),
      ...(device === null ? {} : { device }),
    },
    isGivenCustomerGone: status !== null && !isCurrent,
    holdersByIdentifier,
    taken: new Set(taken),
    ...(device === null ? {} : { deviceId: device.device_id }),
    ...(row.token_holder === null ? {} : { tokenHolder: row.token_holder }),
  };
}
