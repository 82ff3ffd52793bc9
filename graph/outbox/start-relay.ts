/**
 * The beginning of publishing: from then on commands label their events `Unpublished`, and so is everything that the log
 * holds already (docs/decisions/30-events-out.md).
 */

import { setTimeout } from 'node:timers/promises';
import type { Graph } from '../kernel/graph.ts';
import { runTransaction } from '../kernel/run-transaction.ts';

/** Events per transaction. */
const PAGE = 2_000;
const POLL_MS = 100;

// `labelled_for` is the beginning for which the log is labelled: without `drains_since` events went by unlabelled.
const BEGIN = `
  MERGE (r:Relay {id: 'events'})
  SET r.drains_since = coalesce(r.drains_since, datetime($now))
  RETURN r.drains_since = r.labelled_for AS labelled, coalesce(r.labelled_to, '') AS labelled_to`;
const READ = `
  MATCH (r:Relay {id: 'events'}) WHERE r.drains_since = r.labelled_for
  RETURN true AS labelled`;
const RUNNING = 'SHOW TRANSACTIONS YIELD transactionId RETURN transactionId AS id';
const LABEL_PAGE = `
  MATCH (e:PersonaEvent) WHERE e.id > $after
  WITH e ORDER BY e.id LIMIT $limit
  SET e:Unpublished
  RETURN count(e) AS count, max(e.id) AS last`;
// Not after another relay has finished: the next beginning would take it for its own. The first SET locks the node.
const STORE_POSITION = `
  MATCH (r:Relay {id: 'events'})
  SET r.locked = true REMOVE r.locked
  WITH r WHERE r.labelled_for IS NULL OR r.labelled_for <> r.drains_since
  SET r.labelled_to = $last`;
const FINISH = "MATCH (r:Relay {id: 'events'}) SET r.labelled_for = r.drains_since REMOVE r.labelled_to";

/**
 * Once per installation: sets `drains_since` and labels the log, after which the relay may publish. Interrupted, it
 * continues where it was. It may run twice at the same time, and after publishing has begun: both only cause repetitions.
 * @throws PersonaError graph_unavailable
 */
export async function startRelay(graph: Graph): Promise<void> {
  const [state] = await graph.read<{ labelled: boolean }>(READ);
  if (state !== undefined) return;
  const now = new Date(graph.now()).toISOString();
  const begun = await runTransaction(graph, async ({ read }) => {
    const [row] = await read<{ labelled: boolean | null; labelled_to: string }>(BEGIN, { now });
    return row;
  });
  await earlierTransactionsEnd(graph);
  for (let after = begun?.labelled_to ?? ''; ; ) {
    const last = await labelPage(graph, after);
    if (last === null) break;
    after = last;
  }
  await runTransaction(graph, async ({ send }) => send(FINISH, {}));
}

/** A command that began before `drains_since` was set may still write events without the label. */
async function earlierTransactionsEnd(graph: Graph): Promise<void> {
  const running = async () => (await graph.read<{ id: string }>(RUNNING)).map(({ id }) => id);
  let earlier = await running();
  for (;;) {
    const still = new Set(await running());
    earlier = earlier.filter((id) => still.has(id));
    if (earlier.length === 0) return;
    await setTimeout(POLL_MS);
  }
}

/** @returns the last id labelled; `null`: there are no more */
async function labelPage(graph: Graph, after: string): Promise<string | null> {
  return await runTransaction(graph, async ({ read, send }) => {
    const [row] = await read<{ count: number; last: string | null }>(LABEL_PAGE, { after, limit: PAGE });
    const last = row?.last ?? null;
    if (last !== null) send(STORE_POSITION, { last });
    return last;
  });
}
