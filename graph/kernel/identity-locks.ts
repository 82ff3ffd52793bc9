import type { CommandTx } from './command-tx.ts';
import type { Graph } from './graph.ts';
import type { Sender } from './reader.ts';
import { runTransaction } from './run-transaction.ts';

// The node is deleted in the same transaction; the lock on its index entry is held until the commit.
const LOCK = `
  UNWIND $hashes AS hash
  MERGE (l:IdentityLock {hash: hash})
  DELETE l`;

/**
 * Serialises commands with the same identifier, fingerprint or token, whether or not a node for it exists. These are
 * the first locks that a command takes, in sorted order, under every key of the blind index.
 */
export function lockIdentities(tx: CommandTx, hashes: readonly string[]): void {
  for (const hash of sorted(hashes)) tx.acquireLockSlot(`identity:${hash}`);
  sendIdentityLocks(tx, hashes);
}

/** The same locks for a transaction that is not a command. */
export function sendIdentityLocks(sender: Sender, hashes: readonly string[]): void {
  sender.send(LOCK, { hashes: sorted(hashes) });
}

/**
 * Looks a value up by its hashes, outside of commands. For an instant of a rotation a value is found under neither key:
 * a look-up under several keys that finds nothing is repeated under the lock that the rotation takes as well.
 * @param lookup its statement and parameters
 * @param isFound whether the rows contain the node that has one of the hashes
 */
export async function findByHashes<T>(
  graph: Graph,
  hashes: readonly string[],
  lookup: { cypher: string; parameters: Record<string, unknown> },
  isFound: (rows: readonly T[]) => boolean = (rows) => rows.length > 0,
): Promise<T[]> {
  const { cypher, parameters } = lookup;
  const rows = await graph.read<T>(cypher, parameters);
  if (hashes.length < 2 || isFound(rows)) return rows;
  return runTransaction(graph, (statements) => {
    sendIdentityLocks(statements, hashes);
    return statements.read<T>(cypher, parameters);
  });
}

function sorted(hashes: readonly string[]): string[] {
  return [...new Set(hashes)].sort();
}
