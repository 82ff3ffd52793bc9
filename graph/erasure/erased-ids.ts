/** The ids that erasure has taken away, as hashes: a late message that names one is recognised, and creates nothing. */

import { PersonaError } from '../../domain/errors.ts';
import type { BlindIndex } from '../../security/blind-index.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader, Sender } from '../kernel/reader.ts';

const IS_ERASED = `
  UNWIND $hashes AS hash
  MATCH (e:ErasedId {hash: hash})
  RETURN true AS found LIMIT 1`;
const FIND = `
  UNWIND $ids AS one
  UNWIND one.hashes AS hash
  MATCH (:ErasedId {hash: hash})
  RETURN DISTINCT one.id AS id`;
const ADD = 'MERGE (e:ErasedId {hash: $hash}) ON CREATE SET e.at = datetime($at)';

/** @throws PersonaError erasure_not_configured */
export function requireErasedIds({ erasedIds }: Pick<Graph, 'erasedIds'>): BlindIndex {
  if (erasedIds !== undefined) return erasedIds;
  throw new PersonaError('erasure_not_configured', 'PERSONA_ERASURE_KEY is not set: nothing can be erased');
}

/** Whether this is the id of an erased customer or device. Without PERSONA_ERASURE_KEY nothing was ever erased. */
export async function isErasedId(
  { erasedIds }: Pick<Graph, 'erasedIds'>,
  reader: Reader,
  id: string,
): Promise<boolean> {
  if (erasedIds === undefined) return false;
  return (await reader.read(IS_ERASED, { hashes: erasedIds.hashes('erased', id) })).length > 0;
}

/** Those of the ids that were erased. @throws PersonaError graph_unavailable */
export async function findErasedIds(graph: Graph, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { erasedIds } = graph;
  if (erasedIds === undefined || ids.length === 0) return new Set();
  const hashed = ids.map((id) => ({ id, hashes: erasedIds.hashes('erased', id) }));
  const rows = await graph.read<{ id: string }>(FIND, { ids: hashed });
  return new Set(rows.map(({ id }) => id));
}

/** @param at - RFC 3339 */
export function addErasedId(graph: Pick<Graph, 'erasedIds'>, sender: Sender, id: string, at: string): void {
  sender.send(ADD, { hash: requireErasedIds(graph).hash('erased', id), at });
}
