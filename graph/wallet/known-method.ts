import { RECEIVED, receiptOf } from '../gateway-events.ts';
import type { Graph } from '../kernel/graph.ts';
import { findByHashes } from '../kernel/identity-locks.ts';
import { tokenHashes } from './token-hash.ts';

/** What the graph knows of a payment method that a gateway update names. */
export interface KnownMethod {
  customer_id: string;
  payment_method_id: string;
  /** Removed from the wallet: updates no longer apply to it. */
  removed: boolean;
  /** Whether this event was processed before. */
  received: boolean;
}

const FIND_METHOD = `
  UNWIND $token_hashes AS token_hash
  MATCH (p:PaymentMethod {token_hash: token_hash})<-[:HAS_PAYMENT_METHOD]-(c:Customer)
  RETURN c.id AS customer_id, p.id AS payment_method_id, p.removed_at IS NOT NULL AS removed, ${RECEIVED} AS received
  LIMIT 1`;

/** `undefined`: no customer holds it. */
export async function findKnownMethod(
  graph: Graph,
  update: { event_id: string; token: string },
): Promise<KnownMethod | undefined> {
  const token_hashes = tokenHashes(graph.blindIndex, update.token);
  const [row] = await findByHashes<KnownMethod>(graph, token_hashes, {
    cypher: FIND_METHOD,
    parameters: { token_hashes, ...receiptOf(update.event_id) },
  });
  return row;
}
