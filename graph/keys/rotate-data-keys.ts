/** Wraps every stored data key with the first key of `PERSONA_KEYS` (docs/runbook.md, 'Rotating a key'). */

import { DataKey, type KeyOwner } from '../../security/data-key.ts';
import type { Graph } from '../kernel/graph.ts';
import { type KeyReplacement, type StoredKey, unreadableReason } from '../kernel/key-store.ts';
import { runTransaction } from '../kernel/run-transaction.ts';

/** The result of a rotation, and its progress. */
export interface RotationTotals {
  /** How many were read. */
  read: number;
  /** How many now have the first key; in a dry run, how many would get it. */
  changed: number;
  /** How many could not be changed, because no configured key opens what they belong to. */
  unreadable: number;
  /** How many hashes could not be changed, because another node has the new one: two nodes with one value. */
  conflicts: number;
}

export interface RotationOptions {
  /** Only count what would be changed. */
  dryRun: boolean;
  /** Called after each batch with the totals so far. */
  onProgress: (totals: Readonly<RotationTotals>) => void;
}

const BATCH = 500;
const OWNERS: readonly KeyOwner['label'][] = ['CustomerKey', 'DeviceKey'];

/**
 * Commands and reads continue meanwhile: they unwrap with either key. A key that was destroyed since it was read stays
 * destroyed. Run again after an interruption, it changes what is left.
 * @throws PersonaError graph_unavailable
 */
export async function rotateDataKeys(graph: Graph, options: RotationOptions): Promise<RotationTotals> {
  const totals: RotationTotals = { read: 0, changed: 0, unreadable: 0, conflicts: 0 };
  for (const label of OWNERS) {
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: StoredKey[] = await graph.keyStore.list(graph, label, { after, limit: BATCH });
      await rotatePage(graph, label, page, { totals, options });
      after = page.at(-1)?.id;
    }
  }
  return totals;
}

async function rotatePage(
  graph: Graph,
  label: KeyOwner['label'],
  page: readonly StoredKey[],
  { totals, options }: { totals: RotationTotals; options: RotationOptions },
): Promise<void> {
  if (page.length === 0) return;
  const stale = page.filter(({ key_id }) => key_id !== graph.keyRing.first.id);
  const replacements = stale.map((stored) => replacementOf(graph, label, stored));
  const changes = replacements.filter((one) => one !== undefined);
  const write = () =>
    runTransaction(graph, (statements) => graph.keyStore.replace(statements, label, changes));
  totals.read += page.length;
  totals.unreadable += stale.length - changes.length;
  totals.changed += options.dryRun || changes.length === 0 ? changes.length : await write();
  options.onProgress(totals);
}

function replacementOf(
  { keyRing }: Graph,
  label: KeyOwner['label'],
  stored: StoredKey,
): KeyReplacement | undefined {
  const { id, wrapped: replaces } = stored;
  try {
    return { id, replaces, ...DataKey.rewrap(keyRing, { label, id }, stored) };
  } catch (error) {
    unreadableReason(error);
    return undefined;
  }
}
