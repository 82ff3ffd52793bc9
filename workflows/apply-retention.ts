/** Daily: removes what is older than the policy keeps it (docs/privacy.md, 'What is kept, and for how long'). */

import { makeContinueAsNewFunc, proxyActivities } from '@temporalio/workflow';
import type { RetentionCounts, RetentionProgress } from '../domain/retention.ts';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import { show } from './visibility.ts';

export interface RetentionActivities {
  /**
   * Removes what is due for a few minutes. `step` of the result: `null` if nothing is left.
   * @param from the progress of the previous call; absent: a run begins
   */
  removeExpired(from?: RetentionProgress): Promise<RetentionProgress>;
}

const { removeExpired } = proxyActivities<RetentionActivities>({
  // Ends by itself after three minutes, at the end of a page.
  startToCloseTimeout: '10m',
  // Detects a dead worker; another one continues at the last page.
  heartbeatTimeout: '1m',
  // Waits for an unavailable graph until the next day's run is due.
  scheduleToCloseTimeout: '20h',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

/** Keeps the history at a few hundred events. */
const CALLS_PER_RUN = 60;

/** @param from where the previous execution stopped: internal to the workflow */
export async function applyRetention(from?: RetentionProgress): Promise<RetentionCounts> {
  let progress = from;
  for (let calls = 0; progress?.step !== null; calls += 1) {
    if (calls === CALLS_PER_RUN) await makeContinueAsNewFunc<typeof applyRetention>()(progress);
    progress = await removeExpired(progress);
  }
  const { counts } = progress;
  const removed = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  show({ process: WorkflowName.applyRetention, state: 'done' }, `Removed: ${removed.join(', ')}`);
  return counts;
}
