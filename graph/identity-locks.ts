import type { CommandTx } from './command-tx.ts';

// The node is gone again when the transaction commits; what stays until then is the lock on its index entry.
const LOCK = `
  UNWIND $hashes AS hash
  MERGE (l:IdentityLock {hash: hash})
  DELETE l`;

/**
 * Makes everybody who brings the same identifier, fingerprint or token wait for each other, whether a node for it
 * exists or not. The first locks that a command takes, in one order, under every key of the blind index.
 */
export function lockIdentities(tx: CommandTx, hashes: readonly string[]): void {
  const sorted = [...new Set(hashes)].sort();
  for (const hash of sorted) tx.acquireLockSlot(`identity:${hash}`);
  tx.send(LOCK, { hashes: sorted });
}
