/** Runs a long comparison page by page, for a few minutes; an attempt after a crash continues at the last page. */

import { activityInfo, Context } from '@temporalio/activity';
import {
  counterOf,
  type Difference,
  MAX_SHOWN_DIFFERENCES,
  type SliceResult,
} from '../domain/reconciliation/totals.ts';

/** After this the slice ends, and the workflow starts the next one. */
const MAX_SLICE_MS = 4 * 60_000;

/** A slice's progress, which its heartbeats carry. */
interface Progress extends SliceResult {
  after: string;
}

export interface SlicePage {
  /** How many were compared. */
  compared: number;
  /** Where the next page starts; absent after the last one. */
  next?: string;
}

/** Collects differences, and sends heartbeats. */
export interface DifferenceCollector {
  add(difference: Difference): void;
  heartbeat(): void;
}

/**
 * Compares page by page. An attempt after a crash continues at the last heartbeat; what the previous attempt corrected
 * after that heartbeat is compared again and found correct.
 *
 * @param page compares the records after `after`; `compared`: the number of this slice so far
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
