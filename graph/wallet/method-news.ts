import { RECEIVED, receiptOf } from '../gateway-events.ts';
import type { Graph } from '../graph.ts';
import { tokenHashes } from './token-hash.ts';

/** What the graph knows of a payment method that the gateway speaks of. */
export interface MethodMatter {
  customer_id: string;
  payment_method_id: string;
  /** Taken out of the wallet: nothing is owed to it any more. */
  removed: boolean;
  /** Was this event taken before? */
  received: boolean;
}

const FIND = `
  UNWIND $token_hashes AS token_hash
  MATCH (p:PaymentMethod {token_hash: token_hash})<-[:HAS_PAYMENT_METHOD]-(c:Customer)
  RETURN c.id AS customer_id, p.id AS payment_method_id, p.removed_at IS NOT NULL AS removed, ${RECEIVED} AS received
  LIMIT 1`;

/** `undefined`: no customer of Persona's holds it. */
export async function findMethodMatter(
  graph: Graph,
  news: { event_id: string; token: string },
): Promise<MethodMatter | undefined> {
  const [row] = await graph.read<MethodMatter>(FIND, {
    token_hashes: tokenHashes(graph.blindIndex, news.token),
    ...receiptOf(news.event_id),
  });
  return row;
}
