/** How a process notifies its customer: soon itself, or else by a workflow that keeps trying. */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, proxyActivities, startChild } from '@temporalio/workflow';
import { type NoticeInput, TaskQueue } from '../domain/workflow-contracts.ts';
import { type NoticeActivities, sendNotice } from './send-notice.ts';
import { ofCustomer } from './visibility.ts';

export const { deliverNotice } = proxyActivities<Pick<NoticeActivities, 'deliverNotice'>>({
  taskQueue: TaskQueue.notices,
  // One delivery takes at most ten seconds; its result must still be recorded in the graph.
  startToCloseTimeout: '20s',
  // After that `keepSending`, so that neither the end of the process nor its next step waits for the notifier.
  scheduleToCloseTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '20s' },
});

/** Starts the workflow that sends the notice, alongside the calling one; does nothing if it runs already. */
export async function keepSending(notice: NoticeInput): Promise<void> {
  await startChild(sendNotice, {
    workflowId: notice.notification_id,
    // The activities of `sendNotice` are always on this queue.
    taskQueue: TaskQueue.recovery,
    args: [notice],
    ...ofCustomer(notice.customer_id),
    parentClosePolicy: ParentClosePolicy.ABANDON,
  }).catch(ignoreAlreadyStarted);
}

/** A child with that id already sends the same notice. */
function ignoreAlreadyStarted(error: unknown): void {
  if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
}
