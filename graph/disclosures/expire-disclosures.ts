import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';
import { runTransaction } from '../kernel/run-transaction.ts';

const EXPIRE = `
  MATCH (d:Disclosure) WHERE d.day < $day
  WITH d LIMIT $limit
  DELETE d
  RETURN count(*) AS deleted`;
const COUNT = 'MATCH (d:Disclosure) WHERE d.day < $day RETURN count(d) AS old';

/** The first day that is kept: `YYYY-MM-DD`, UTC. A day is kept until all of it is too old. */
const firstDay = (before: number) => new Date(before).toISOString().slice(0, 'YYYY-MM-DD'.length);

/**
 * Deletes disclosures of days that are too old, one batch in one transaction.
 * @param input.before epoch milliseconds
 * @returns the number deleted; fewer than `limit`: there are no more
 * @throws PersonaError graph_unavailable
 */
export async function expireDisclosures(
  graph: Graph,
  { before, limit }: { before: number; limit: number },
): Promise<number> {
  const [row] = await runTransaction(graph, ({ read }) =>
    read<{ deleted: number }>(EXPIRE, { limit, day: firstDay(before) }),
  );
  return row?.deleted ?? 0;
}

/** How many are too old. @param before epoch milliseconds. @throws PersonaError graph_unavailable */
export async function countOldDisclosures(reader: Reader, before: number): Promise<number> {
  const [row] = await reader.read<{ old: number }>(COUNT, { day: firstDay(before) });
  return row?.old ?? 0;
}
