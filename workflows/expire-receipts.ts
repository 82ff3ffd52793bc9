/** Hourly: deletes command receipts once no repeat of their command is possible any more, and old metrics of personas. */

import { proxyActivities } from '@temporalio/workflow';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import { show } from './visibility.ts';

export interface ReceiptActivities {
  /** Deletes expired receipts and metrics for up to a few minutes. `isDone`: nothing expired is left. */
  expireReceipts(): Promise<{ expired: number; isDone: boolean }>;
}

const { expireReceipts: expire } = proxyActivities<ReceiptActivities>({
  startToCloseTimeout: '5m',
  heartbeatTimeout: '1m',
  // The next hourly run starts afresh.
  scheduleToCloseTimeout: '30m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** The rest is left to the next run. */
const MAX_ACTIVITIES = 20;

export async function expireReceipts(): Promise<{ expired: number }> {
  let expired = 0;
  for (let calls = 0; calls < MAX_ACTIVITIES; calls++) {
    const result = await expire();
    expired += result.expired;
    if (result.isDone) break;
  }
  show({ process: WorkflowName.expireReceipts, state: 'done' }, `Deleted ${expired} receipts`);
  return { expired };
}
