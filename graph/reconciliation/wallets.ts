/** Wallets as the reconciliation reads them: customer by customer, ordered by id. */

import type { StoredMethod } from '../../domain/reconciliation/methods.ts';
import type { UNKNOWN_HERE } from '../../domain/reconciliation/mismatches.ts';
import type { DefaultCandidate } from '../../domain/wallet.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';
import { tokenHashes } from '../wallet/token-hash.ts';

export interface CustomerToReconcile {
  customer_id: string;
  /** `null`: the gateway does not know the customer. */
  gateway_customer_ref: string | null;
  /** Whether the version is the `seq` of the last event (docs/reference/graph.md, 'Invariants' 3). */
  is_version_right: boolean;
  /** The mismatch of the whole wallet that an earlier reconciliation found. */
  mismatch: typeof UNKNOWN_HERE | null;
}

/** Two lookups by key, however long the stream is. */
const isVersionRight = (node: string) => `
  EXISTS { MATCH (:PersonaEvent {stream_id: ${node}.id, seq: ${node}.version}) }
  AND NOT EXISTS { MATCH (:PersonaEvent {stream_id: ${node}.id, seq: ${node}.version + 1}) }`;

const CUSTOMERS = `
  MATCH (c:Customer) WHERE c.id > $after AND c.status IN ['active', 'suspended']
  RETURN c.id AS customer_id, c.gateway_customer_ref AS gateway_customer_ref,
    ${isVersionRight('c')} AS is_version_right, c.gateway_mismatch AS mismatch
  ORDER BY c.id LIMIT $limit`;

/** @param input.after the last customer of the previous page, or empty */
export function getCustomersToReconcile(
  reader: Reader,
  input: { after: string; limit: number },
): Promise<CustomerToReconcile[]> {
  return reader.read<CustomerToReconcile>(CUSTOMERS, input);
}

const COUNT = 'MATCH (c:Customer) RETURN count(c) AS customers';

/** The number of customers, which Neo4j maintains. */
export async function countCustomers(reader: Reader): Promise<number> {
  const [row] = await reader.read<{ customers: number }>(COUNT);
  return row?.customers ?? 0;
}

/** A method of a wallet, including removed ones. */
export interface WalletEntry extends StoredMethod, Omit<DefaultCandidate, 'gateway_mismatch'> {
  token_hash: string;
  removed_at: string | null;
  /** When it was last changed or added. */
  updated_at: string;
}

const METHODS = `
  MATCH (:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
  RETURN p.id AS payment_method_id, p.type AS type, p.status AS status, p.brand AS brand, p.network AS network,
    p.last_four AS last_four, p.expiry_month AS expiry_month, p.expiry_year AS expiry_year, p.funding AS funding,
    p.country AS country, p.gateway_type AS gateway_type, p.instrument_fingerprint AS instrument_fingerprint,
    p.token_hash AS token_hash, p.expiry_wanted_at AS expiry_wanted_at, p.removed_at AS removed_at, p.updated_at AS updated_at,
    p.gateway_mismatch AS gateway_mismatch,
    h.is_default AS is_default, h.proven AS proven, coalesce(h.disputed, false) AS disputed,
    h.off_session_consent AS off_session_consent, h.last_used AS last_used`;

export function getWalletEntries(reader: Reader, input: { customer_id: string }): Promise<WalletEntry[]> {
  return reader.read<WalletEntry>(METHODS, input);
}

const DEVICES = `
  MATCH (d:Device) WHERE d.id > $after
  RETURN d.id AS device_id, ${isVersionRight('d')} AS is_version_right
  ORDER BY d.id LIMIT $limit`;

/** @param input.after the last device of the previous page, or empty */
export function getDevicesToReconcile(
  reader: Reader,
  input: { after: string; limit: number },
): Promise<{ device_id: string; is_version_right: boolean }[]> {
  return reader.read(DEVICES, input);
}

/** @returns a function that finds the entry for a token */
export function entriesByToken(
  { blindIndex }: Pick<Graph, 'blindIndex'>,
  entries: readonly WalletEntry[],
): (token: string) => WalletEntry | undefined {
  const byHash = new Map(entries.map((entry) => [entry.token_hash, entry]));
  return (token) =>
    tokenHashes(blindIndex, token)
      .map((hash) => byHash.get(hash))
      .find((entry) => entry !== undefined);
}
