/**
 * Removes what is older than the policy keeps it (docs/privacy.md, 'What is kept, and for how long'), in bounded transactions that may be
 * repeated: two runs at once remove each thing once, and a run that is killed is continued, or begun again.
 */

import type { Policy } from '../../domain/policy.ts';
import {
  advanceRetention,
  type Retained,
  retainedSince,
  type RetentionProgress,
} from '../../domain/retention.ts';
import { countOldMetrics, expireMetrics } from '../catalogue/index.ts';
import { countOldDisclosures, expireDisclosures } from '../disclosures/expire-disclosures.ts';
import { concurrently } from '../kernel/concurrently.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';
import { countOldReceipts, expireReceipts } from '../kernel/receipts.ts';
import { runTransaction } from '../kernel/run-transaction.ts';
import { type Due, type Page, unlessGone } from './page.ts';
import { findOldRecoveries, forgetRecovery } from './recoveries.ts';
import { findOldRemains, forgetRemains } from './remains.ts';
import { findOldSightings, forgetSighting } from './sightings.ts';

/** Per transaction: a few hundred milliseconds. */
const BATCH = 2_000;
/** Devices, recoveries and customers that are read at once, and forgotten in transactions of their own. */
const PAGE = 500;

export interface RetentionOptions {
  policy: Pick<Policy, 'retention' | 'catalogue'>;
  /** Only counts what would be removed. */
  dryRun: boolean;
  /** Called after each page; `false`: the run is continued later. */
  onProgress(progress: RetentionProgress): boolean;
}

interface RemovedPage {
  removed: number;
  next?: string;
}
type RemovePage = (graph: Graph, page: Omit<Page, 'limit'>, dryRun: boolean) => Promise<RemovedPage>;

/** What nothing refers to: deleted by an index on its age. */
const expiring =
  (
    expire: (graph: Graph, page: { before: number; limit: number }) => Promise<number>,
    count: (reader: Reader, before: number) => Promise<number>,
  ): RemovePage =>
  async (graph, { before }, dryRun) => {
    if (dryRun) return { removed: await count(graph, before) };
    const removed = await expire(graph, { before, limit: BATCH });
    return { removed, ...(removed === BATCH && { next: '' }) };
  };

/** What has an owner and a log. */
const forgetting =
  <T>(
    find: (reader: Reader, page: Page) => Promise<Due<T>>,
    forget: (graph: Graph, due: T, before: number) => Promise<boolean>,
  ): RemovePage =>
  async (graph, page, dryRun) => {
    const { due, next } = await find(graph, { ...page, limit: PAGE });
    let removed = dryRun ? due.length : 0;
    if (!dryRun)
      await concurrently(due, async (one) => {
        if (await unlessGone(forget(graph, one, page.before))) removed += 1;
      });
    return { removed, ...(next !== undefined && { next }) };
  };

const REMOVE: Readonly<Record<Retained, RemovePage>> = {
  idempotency: expiring(
    (graph, page) => expireReceipts(graph, { kind: 'request', ...page }),
    (reader, before) => countOldReceipts(reader, { kind: 'request', before }),
  ),
  receipts: expiring(
    (graph, page) => expireReceipts(graph, { kind: 'event', ...page }),
    (reader, before) => countOldReceipts(reader, { kind: 'event', before }),
  ),
  metrics: expiring(expireMetrics, countOldMetrics),
  disclosures: expiring(expireDisclosures, countOldDisclosures),
  sightings: forgetting(findOldSightings, (graph, device_id, before) =>
    forgetSighting(graph, { device_id, before }),
  ),
  recovery: forgetting(findOldRecoveries, (graph, recovery, before) =>
    forgetRecovery(graph, { ...recovery, before }),
  ),
  financial: forgetting(findOldRemains, (graph, id, before) => forgetRemains(graph, { id, before })),
};

/**
 * Goes on with a run.
 * @returns its progress: complete, or as it was when `onProgress` ended it
 * @throws PersonaError graph_unavailable
 */
export async function runRetention(
  graph: Graph,
  from: RetentionProgress,
  { policy, dryRun, onProgress }: RetentionOptions,
): Promise<RetentionProgress> {
  let progress = from;
  for (;;) {
    const { step, started, after } = progress;
    if (step === null) break;
    const page = { after, before: retainedSince(step, started, policy) };
    progress = advanceRetention({ ...progress, step }, await REMOVE[step](graph, page, dryRun));
    if (!onProgress(progress)) return progress;
  }
  if (!dryRun) await recordSuccess(graph);
  return progress;
}

const RECORD_SUCCESS = `
  MERGE (r:Retention {id: 'retention'})
  SET r.completed_at = CASE
    WHEN r.completed_at > datetime($at) THEN r.completed_at ELSE datetime($at) END`;
const READ_SUCCESS = "MATCH (r:Retention {id: 'retention'}) RETURN r.completed_at.epochMillis AS at";

async function recordSuccess(graph: Graph): Promise<void> {
  const at = new Date(graph.now()).toISOString();
  await runTransaction(graph, async ({ send }) => send(RECORD_SUCCESS, { at }));
}

/** When a run was last complete: epoch milliseconds; `undefined`: never. @throws PersonaError graph_unavailable */
export async function lastRetention(reader: Reader): Promise<number | undefined> {
  const [row] = await reader.read<{ at: number }>(READ_SUCCESS);
  return row?.at;
}
