/** Neo4j's files lag behind until a checkpoint; the Community Edition has no procedure that asks for one. */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Graph } from '../../graph/index.ts';

/** A checkpoint within seconds after whatever was committed, and files that are as long as what they hold. */
export const SETTINGS = {
  'server.memory.pagecache.size': '1g',
  'db.checkpoint.interval.tx': '1',
  'db.store.files.preallocate': 'false',
};
/** None before the server ends. */
export const NO_CHECKPOINT = {
  'server.memory.pagecache.size': '1g',
  'db.checkpoint.interval.tx': '100000000',
  'db.checkpoint.interval.time': '1d',
};
const POLL_MS = 200;
const TIMEOUT_MS = 180_000;

// Without it nothing would be new, and no checkpoint be written.
const CHANGE = 'MERGE (m:StorageBenchmark) SET m.changed_at = datetime()';

/**
 * Waits until the files hold all that was committed: the first checkpoint may have begun before.
 * @param folder the server's
 */
export async function forceCheckpoint(graph: Graph, folder: string): Promise<void> {
  for (let n = 0; n < 2; n += 1) {
    const before = checkpointsIn(folder);
    await commitChange(graph);
    for (const end = Date.now() + TIMEOUT_MS; checkpointsIn(folder) === before; ) {
      if (Date.now() > end) throw new Error('Neo4j writes no checkpoint');
      await setTimeout(POLL_MS);
    }
  }
}

/** How much has been noted of checkpoints: each adds a record. */
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
