/**
 * Builds a new graph from nothing but a log and its streams' keys (docs/decisions/31-replay-from-kafka.md): the events are
 * copied, each once, and then the projection of each is applied again, in the order in which the events happened.
 */

import type { Graph } from '../kernel/graph.ts';
import { migrate } from '../kernel/migrate.ts';
import { applyLog } from './apply-log.ts';
import { copyLog } from './copy-log.ts';
import type { LogSource } from './log-source.ts';
import { readProgress, type ReplayProgress } from './replay-progress.ts';
import { withoutErased } from './without-erased.ts';

export interface ReplayTotals {
  customers: number;
  devices: number;
  personas: number;
  events: number;
}

const COUNT = `
  RETURN COUNT { MATCH (n:Customer) RETURN n } AS customers, COUNT { MATCH (n:Device) RETURN n } AS devices,
    COUNT { MATCH (n:AgentPersona) RETURN n } AS personas, COUNT { MATCH (n:PersonaEvent) RETURN n } AS events`;

/**
 * Rebuilds the target from the log, as the log was when the replay began. Interrupted, the same call continues; complete,
 * it changes nothing. Receipts are not part of the log: the target does not know earlier commands.
 * @param keys the graph that stores the streams' keys
 * @param options.customerId with everything that this customer's events refer to; absent: everything
 * @throws PersonaError graph_not_empty, log_unusable, customer_not_found, graph_unavailable, kafka_unavailable, internal
 * (an event that cannot be decrypted or applied)
 */
export async function replayInto(
  source: LogSource,
  keys: Graph,
  target: Graph,
  options: { customerId?: string; onProgress: (progress: ReplayProgress) => void },
): Promise<ReplayTotals> {
  const { customerId, onProgress } = options;
  const selection = customerId ?? 'all';
  // Before anything is written: in a Neo4j of something else, the schema's constraints would refuse its owner's writes.
  const found = await readProgress(target, { source: source.id, selection });
  await migrate(target);
  let progress = found ?? {
    ...{ source: source.id, selection, step: 0, phase: 'copying' as const, end: await source.end() },
    ...{ position: null, copied: 0, applied: 0 },
    streams: customerId === undefined ? [] : [customerId],
    wanted: customerId === undefined ? [] : [customerId],
  };
  if (progress.phase === 'copying')
    progress = await copyLog(withoutErased(source, keys), target, progress, onProgress);
  if (progress.phase === 'applying') await applyLog(keys, target, progress, onProgress);
  const [totals] = await target.read<ReplayTotals>(COUNT);
  return totals ?? { customers: 0, devices: 0, personas: 0, events: 0 };
}
