/** Hourly: what commands remember of their repeats is forgotten once no repeat can come any more. */

import { proxyActivities } from '@temporalio/workflow';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import { show } from './visibility.ts';

export interface ReceiptActivities {
  /** Forgets receipts of every kind for some minutes. `isDone`: there is none left that is old enough. */
  expireReceipts(): Promise<{ expired: number; isDone: boolean }>;
}

const { expireReceipts: expire } = proxyActivities<ReceiptActivities>({
  startToCloseTimeout: '5m',
  heartbeatTimeout: '1m',
  // The next run comes within the hour and begins anew.
  scheduleToCloseTimeout: '30m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** What is left then comes with the next run. */
const MAX_ACTIVITIES = 20;

export async function expireReceipts(): Promise<{ expired: number }> {
  let expired = 0;
  for (let calls = 0; calls < MAX_ACTIVITIES; calls++) {
    const result = await expire();
    expired += result.expired;
    if (result.isDone) break;
  }
  show({ process: WorkflowName.expireReceipts, state: 'done' }, `Forgot ${expired} receipts`);
  return { expired };
}
