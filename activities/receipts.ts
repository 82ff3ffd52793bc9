/** Deletes expired command receipts and personas' metrics, in batches. It may be killed at any point, and run twice. */

import { heartbeat } from '@temporalio/activity';
import type { Policy } from '../domain/policy.ts';
import { expireMetrics } from '../graph/catalogue/index.ts';
import { expireReceipts, type Graph, type ReceiptKind } from '../graph/index.ts';
import type { ReceiptActivities } from '../workflows/expire-receipts.ts';

/** Per transaction: a few hundred milliseconds, in which no other command needs these nodes. */
const BATCH = 2_000;
/** Well within the activity's timeout. */
const MAX_RUN_MS = 3 * 60_000;
/** Callers repeat a request within minutes; the interface guarantees a day. */
const REQUEST_RETENTION_MS = 24 * 3_600_000;

export function createReceiptActivities({
  graph,
  policy,
  now,
}: {
  graph: Graph;
  policy: Policy;
  /** Epoch milliseconds. */
  now: () => number;
}): ReceiptActivities {
  const receiptsOf = (kind: ReceiptKind) => (page: { before: number; limit: number }) =>
    expireReceipts(graph, { kind, ...page });
  const expiring = [
    { retention: REQUEST_RETENTION_MS, expire: receiptsOf('request') },
    { retention: policy.retention.receipts, expire: receiptsOf('event') },
    {
      retention: policy.catalogue.metricsFor,
      expire: (page: { before: number; limit: number }) => expireMetrics(graph, page),
    },
  ];
  return {
    async expireReceipts() {
      const started = now();
      let expired = 0;
      for (const { retention, expire } of expiring) {
        for (let deleted = BATCH; deleted === BATCH; ) {
          if (now() - started > MAX_RUN_MS) return { expired, isDone: false };
          const before = started - retention;
          deleted = await expire({ before, limit: BATCH });
          expired += deleted;
          heartbeat(expired);
        }
      }
      return { expired, isDone: true };
    },
  };
}
