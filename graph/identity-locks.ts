import type { CommandTx } from './command-tx.ts';

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
  const sorted = [...new Set(hashes)].sort();
  for (const hash of sorted) tx.acquireLockSlot(`identity:${hash}`);
  tx.send(LOCK, { hashes: sorted });
}
