/** How fast receipts are deleted, and events are indexed. */

import { type Graph } from '../../graph/index.ts';
import { expireReceipts } from '../../graph/kernel/receipts.ts';

/** The batch size of the activity. */
const BATCH = 2_000;
const BATCHES = 6;

// On a property without an index, as a future migration would build one.
const BUILD = 'CREATE INDEX storage_benchmark FOR (n:PersonaEvent) ON (n.correlation_id, n.seq)';
const AWAIT = 'CALL db.awaitIndex("storage_benchmark", 600)';
const DROP = 'DROP INDEX storage_benchmark';

export async function measureThroughput(graph: Graph): Promise<[string, number][]> {
  return [
    ['expired receipts', await expire(graph)],
    ['entries of a new index on all events', await build(graph)],
  ];
}

async function expire(graph: Graph): Promise<number> {
  const batch = () => expireReceipts(graph, { kind: 'event', before: Date.now(), limit: BATCH });
  await batch();
  const startedAt = performance.now();
  let deleted = 0;
  for (let n = 0; n < BATCHES; n += 1) deleted += await batch();
  return deleted / ((performance.now() - startedAt) / 1_000);
}

async function build(graph: Graph): Promise<number> {
  const [counted] = await graph.read<{ events: number }>('RETURN COUNT { (:PersonaEvent) } AS events');
  const startedAt = performance.now();
  await run(graph, BUILD);
  await run(graph, AWAIT);
  const perSecond = (counted?.events ?? 0) / ((performance.now() - startedAt) / 1_000);
  await run(graph, DROP);
  return perSecond;
}

async function run(graph: Graph, cypher: string): Promise<void> {
  const session = graph.writeSession();
  try {
    await session.run(cypher);
  } finally {
    await session.close();
  }
}
