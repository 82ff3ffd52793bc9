/** Removes what is older than the policy keeps it. It may be killed at any point, and run twice. */

import { activityInfo, Context } from '@temporalio/activity';
import type { Policy } from '../domain/policy.ts';
import {
  beginRetention,
  RETAINED,
  type RetentionCounts,
  type RetentionProgress,
} from '../domain/retention.ts';
import type { Graph } from '../graph/index.ts';
import { runRetention } from '../graph/retention/index.ts';
import type { RetentionActivities } from '../workflows/apply-retention.ts';

/** After this the call ends, and the workflow makes the next one. */
const MAX_CALL_MS = 3 * 60_000;

export function createRetentionActivities({
  graph,
  policy,
  countRemoved,
  now,
}: {
  graph: Graph;
  policy: Policy;
  /** Called for each page. */
  countRemoved: (counts: RetentionCounts) => void;
  /** Epoch milliseconds. */
  now: () => number;
}): RetentionActivities {
  return {
    async removeExpired(from) {
      const context = Context.current();
      const checkpoint = activityInfo().heartbeatDetails as RetentionProgress | undefined;
      const until = now() + MAX_CALL_MS;
      let counted = checkpoint ?? from ?? beginRetention(now());
      return await runRetention(graph, counted, {
        ...{ policy, dryRun: false },
        onProgress(progress) {
          countRemoved(difference(progress.counts, counted.counts));
          counted = progress;
          context.heartbeat(progress);
          context.cancellationSignal.throwIfAborted();
          return now() < until;
        },
      });
    },
  };
}

function difference(counts: RetentionCounts, before: RetentionCounts): RetentionCounts {
  return Object.fromEntries(
    RETAINED.map((name) => [name, counts[name] - before[name]]),
  ) as unknown as RetentionCounts;
}
