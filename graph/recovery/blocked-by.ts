/**
 * Which obligation waits for which attempt (`BLOCKED_BY`), so that the end of the attempt wakes those alone. Exempt from
 * the event log (specification: graph, invariant 4): every claim finds it out anew.
 */

import type { CommandTx } from '../command-tx.ts';
import { type AttemptNode, UNRESOLVED } from './records.ts';

/** So many are woken; any more ask again by themselves. */
const MAX_UNBLOCKED = 1_000;

// The attempt may be another customer's, whose lock this transaction does not hold: whoever records its outcome locks it,
// too, and so either finds this edge or has resolved the attempt before it is written. Edges to attempts that are resolved
// by now go, so that an obligation has few of them.
const BLOCK = `
  MATCH (a:ChargeAttempt {key: $key})
  SET a.locked = true
  REMOVE a.locked
  WITH a WHERE a.state IN $unresolved
  MATCH (o:Obligation {payment_id: $payment_id})
  OPTIONAL MATCH (o)-[old:BLOCKED_BY]->(b) WHERE NOT b.state IN $unresolved
  DELETE old
  WITH DISTINCT o, a
  MERGE (o)-[r:BLOCKED_BY]->(a)
  SET r.what = $what
  RETURN true AS stored`;

/**
 * Keeps that an obligation waits for an attempt. The lock on the attempt is the last one that a command takes.
 * @param what - as in a claim's answer
 * @returns false: the attempt has been resolved since it was read
 */
export async function recordBlockedBy(
  tx: CommandTx,
  { payment_id, by, what }: { payment_id: string; by: AttemptNode; what: 'customer' | 'instrument' },
): Promise<boolean> {
  const rows = await tx.run(BLOCK, { payment_id, key: by.key, what, unresolved: UNRESOLVED });
  return rows.length > 0;
}

const BLOCKED = `
  MATCH (a:ChargeAttempt {key: $key})
  SET a.locked = true
  REMOVE a.locked
  WITH a
  MATCH (a)<-[r:BLOCKED_BY]-(o)
  WHERE o.state = 'open' AND ($resolved OR r.what = 'customer')
  RETURN o.payment_id AS payment_id ORDER BY payment_id LIMIT ${MAX_UNBLOCKED}`;

/**
 * The open obligations, also of other customers who hold the same card, that an attempt stands in the way of no longer.
 * @param input.resolved false: it is in doubt from now on, and blocks its own card but not its customer
 */
export async function unblockedBy(
  tx: CommandTx,
  input: { key: string; resolved: boolean },
): Promise<string[]> {
  const rows = await tx.run<{ payment_id: string }>(BLOCKED, input);
  return rows.map((row) => row.payment_id);
}
