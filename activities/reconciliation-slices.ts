/** How a long comparison is carried out: page after page, for a few minutes, and on at its last page where it broke off. */

import { activityInfo, Context } from '@temporalio/activity';
import {
  counterOf,
  type Difference,
  MAX_SHOWN_DIFFERENCES,
  type SliceResult,
} from '../domain/reconciliation/totals.ts';

/** Then the process takes its result, and begins the next slice. */
const MAX_SLICE_MS = 4 * 60_000;

/** What a slice has come to so far, as its heartbeats say. */
interface Progress extends SliceResult {
  after: string;
}

export interface SlicePage {
  /** How many were compared. */
  compared: number;
  /** Where the next page begins; absent after the last one. */
  next?: string;
}

/** Says that the slice is alive, and what has been found. */
export interface DifferenceCollector {
  add(difference: Difference): void;
  heartbeat(): void;
}

/**
 * Compares page after page. An attempt that follows one that died goes on where its last heartbeat was; what that one
 * did behind it is compared again, and found done.
 *
 * @param page compares what is behind `after`; `compared`: of this slice so far
 */
export async function runSlice(
  start: string,
  page: (after: string, compared: number, collector: DifferenceCollector) => Promise<SlicePage>,
): Promise<SliceResult> {
  const context = Context.current();
  const checkpoint = activityInfo().heartbeatDetails as Progress | undefined;
  const progress: Progress = checkpoint ?? {
    ...{ after: start, compared: 0, corrected: 0, listed: 0, repaired: 0 },
    differences: [],
  };
  const until = Date.now() + MAX_SLICE_MS;
  let pending: Difference[] = [];
  const collector: DifferenceCollector = {
    add: (difference) => void pending.push(difference),
    heartbeat: () => context.heartbeat(progress),
  };
  for (;;) {
    const { compared, next } = await page(progress.after, progress.compared, collector);
    progress.compared += compared;
    for (const difference of pending) progress[counterOf(difference)] += 1;
    progress.differences = [...progress.differences, ...pending].slice(0, MAX_SHOWN_DIFFERENCES);
    pending = [];
    if (next === undefined) {
      const { after: _, ...result } = progress;
      return result;
    }
    progress.after = next;
    context.heartbeat(progress);
    context.cancellationSignal.throwIfAborted();
    if (Date.now() >= until) return progress;
  }
}
