/** Hashes every stored value with the first key of `PERSONA_BLIND_KEYS` (docs/runbook.md, 'Rotating a key'). */

import { keyIdOf } from '../../security/blind-index.ts';
import type { DataKey } from '../../security/data-key.ts';
import type { Graph } from '../kernel/graph.ts';
import { sendIdentityLocks } from '../kernel/identity-locks.ts';
import { dataKeyOf, unreadableReason } from '../kernel/key-store.ts';
import { runTransaction } from '../kernel/run-transaction.ts';
import { HASHED_LABELS, type HashedLabel, type HashedNode } from './hashed-values.ts';
import type { RotationOptions, RotationTotals } from './rotate-data-keys.ts';

/** Small, because commands with one of these identities wait until the batch has committed. */
const BATCH = 100;

/** A hash that is to be replaced. */
interface Change {
  id: string;
  old_hash: string;
  new_hash: string;
  /** Under every key, as commands lock them. */
  hashes: readonly string[];
}

/**
 * Each value stays findable: commands look it up under the lock that this takes, other reads repeat under that lock a
 * look-up that found nothing. A value that changes meanwhile keeps the hash that its command wrote. Run again after an
 * interruption, it changes what is left.
 * @throws PersonaError graph_unavailable
 */
export async function rotateBlindIndex(
  graph: Graph,
  { dryRun, onProgress }: RotationOptions,
): Promise<RotationTotals> {
  const totals: RotationTotals = { read: 0, changed: 0, unreadable: 0, conflicts: 0 };
  for (const hashed of HASHED_LABELS) {
    const cypher = readCypher(hashed);
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: HashedNode[] = await graph.read<HashedNode>(cypher, { after, limit: BATCH });
      after = page.at(-1)?.id;
      if (after === undefined) break;
      const stale = page.filter(({ hash }) => keyIdOf(hash) !== graph.blindIndex.firstKeyId);
      const changes = await changesOf(graph, hashed, stale);
      const isWritten = !dryRun && changes.length > 0;
      const { changed, conflicts } = isWritten
        ? await write(graph, hashed, changes)
        : { changed: changes.length, conflicts: 0 };
      totals.read += page.length;
      totals.unreadable += stale.length - changes.length;
      totals.changed += changed;
      totals.conflicts += conflicts;
      onProgress(totals);
    }
  }
  return totals;
}

function readCypher({ label, property, reads, ownerCypher }: HashedLabel): string {
  return `
    MATCH (n:${label}) WHERE n.id > $after AND n.${property} IS NOT NULL
    WITH n ORDER BY n.id LIMIT $limit
    RETURN n.id AS id, n.${property} AS hash, n {${reads.map((name) => `.${name}`).join(', ')}} AS properties,
      ${ownerCypher} AS owner_id
    ORDER BY id`;
}

async function changesOf(graph: Graph, hashed: HashedLabel, nodes: readonly HashedNode[]): Promise<Change[]> {
  const owners = [...new Set(nodes.flatMap(({ owner_id }) => owner_id ?? []))];
  const keys = new Map(
    await Promise.all(owners.map(async (id) => [id, await readKey(graph, hashed, id)] as const)),
  );
  return nodes.flatMap((node) => {
    const key = node.owner_id === null ? undefined : keys.get(node.owner_id);
    return (key && changeOf(graph, hashed, key, node)) ?? [];
  });
}

async function readKey(
  graph: Graph,
  { owner: label }: HashedLabel,
  id: string,
): Promise<DataKey | undefined> {
  try {
    return await dataKeyOf(graph, graph, { label, id });
  } catch (error) {
    unreadableReason(error);
    return undefined;
  }
}

function changeOf(
  { blindIndex }: Graph,
  hashed: HashedLabel,
  key: DataKey,
  node: HashedNode,
): Change | undefined {
  try {
    const { kind, value } = hashed.open(key, node);
    const hashes = blindIndex.hashes(kind, value);
    return { id: node.id, old_hash: node.hash, new_hash: blindIndex.hash(kind, value), hashes };
  } catch (error) {
    unreadableReason(error);
    return undefined;
  }
}

async function write(
  graph: Graph,
  hashed: HashedLabel,
  changes: readonly Change[],
): Promise<Pick<RotationTotals, 'changed' | 'conflicts'>> {
  const cypher = writeCypher(hashed);
  const [row] = await runTransaction(graph, (statements) => {
    sendIdentityLocks(
      statements,
      changes.flatMap(({ hashes }) => hashes),
    );
    return statements.read<Pick<RotationTotals, 'changed' | 'conflicts'>>(cypher, { changes });
  });
  return row ?? { changed: 0, conflicts: 0 };
}

// The first write locks the node: a value that was changed since it was read has another hash by then.
function writeCypher({ label, property, isTaken = 'false' }: HashedLabel): string {
  return `
    UNWIND $changes AS change
    MATCH (n:${label} {id: change.id})
    SET n.locked = true
    REMOVE n.locked
    WITH n, change WHERE n.${property} = change.old_hash
    WITH n, change, ${isTaken} AS is_taken
    FOREACH (_ IN CASE WHEN is_taken THEN [] ELSE [1] END | SET n.${property} = change.new_hash)
    RETURN sum(CASE WHEN is_taken THEN 0 ELSE 1 END) AS changed, sum(CASE WHEN is_taken THEN 1 ELSE 0 END) AS conflicts`;
}
