/** Neo4j's files are complete only after a checkpoint; the Community Edition has no procedure to request one. */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Graph } from '../../graph/index.ts';

/** A checkpoint within seconds of every commit, and files without preallocated space. */
export const SETTINGS = {
  'server.memory.pagecache.size': '1g',
  'db.checkpoint.interval.tx': '1',
  'db.store.files.preallocate': 'false',
};
/** No checkpoint before the server stops. */
export const NO_CHECKPOINT = {
  'server.memory.pagecache.size': '1g',
  'db.checkpoint.interval.tx': '100000000',
  'db.checkpoint.interval.time': '1d',
};
const POLL_MS = 200;
const TIMEOUT_MS = 180_000;

// Without a change no checkpoint would be written.
const CHANGE = 'MERGE (m:StorageBenchmark) SET m.changed_at = datetime()';

/**
 * Waits for two checkpoints, because the first one may have started before the last commit.
 * @param folder the server's folder
 */
export async function forceCheckpoint(graph: Graph, folder: string): Promise<void> {
  for (let n = 0; n < 2; n += 1) {
    const before = checkpointsIn(folder);
    await commitChange(graph);
    for (const end = Date.now() + TIMEOUT_MS; checkpointsIn(folder) === before; ) {
      if (Date.now() > end) throw new Error('Neo4j did not write a checkpoint in time');
      await setTimeout(POLL_MS);
    }
  }
}

/** The size of the checkpoint log, to which each checkpoint adds a record. */
function checkpointsIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /[\\/]transactions[\\/]neo4j[\\/]checkpoint\.\d+$/.test(file))
    .reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}

async function commitChange(graph: Graph): Promise<void> {
  const session = graph.writeSession();
  try {
    await session.run(CHANGE);
  } finally {
    await session.close();
  }
}
