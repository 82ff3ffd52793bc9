/**
 * Which obligation waits for which attempt (`BLOCKED_BY`), so that resolving the attempt wakes only those. Exempt from
 * the event log (docs/reference/graph.md, 'Invariants' 4): every claim determines it again.
 */

import type { CommandTx } from '../kernel/command-tx.ts';
import { type AttemptNode, UNRESOLVED } from './records.ts';

/** At most this many are woken; the others retry on their own. */
const MAX_UNBLOCKED = 1_000;

// The attempt may belong to another customer, whose lock this transaction does not hold. Recording its outcome locks
// the attempt as well, so it either finds this edge or has resolved the attempt before the edge is written. Edges to
// attempts that have been resolved are deleted, so that an obligation has few of them.
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
 * Records that an obligation waits for an attempt. The lock on the attempt is the last one that a command takes.
 * @param what - as in the result of a claim
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
 * The open obligations, including those of other customers with the same card, that an attempt no longer blocks.
 * @param input.resolved false: its outcome is unknown from now on; it blocks its card, but no longer its customer
 */
export async function unblockedBy(
  tx: CommandTx,
  input: { key: string; resolved: boolean },
): Promise<string[]> {
  const rows = await tx.run<{ payment_id: string }>(BLOCKED, input);
  return rows.map((row) => row.payment_id);
}
