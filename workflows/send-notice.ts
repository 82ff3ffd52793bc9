/**
 * Sends a notice that could not be delivered immediately: retried for three days alongside the process that it belongs
 * to, or after that process was lost.
 */

import { ActivityFailure, log, proxyActivities } from '@temporalio/workflow';
import {
  type NoticeInput,
  type SendNoticeInput,
  TaskQueue,
  type TaskQueueName,
} from '../domain/workflow-contracts.ts';

export interface NoticeActivities {
  /**
   * Notifies the customer, once per notification id. `undeliverable`: there is no recipient, the receiver refused it
   * permanently, or it is unknown whether it was delivered; recorded in the graph as `NoticeFailed`.
   */
  deliverNotice(input: NoticeInput): Promise<{ result: 'delivered' | 'undeliverable' }>;
  /** Records that a notice was given up, and why. */
  recordNoticeFailed(input: NoticeInput & { reason: string }): Promise<void>;
}

const deliveriesOn = (taskQueue: TaskQueueName) =>
  proxyActivities<Pick<NoticeActivities, 'deliverNotice'>>({
    taskQueue,
    // One delivery takes at most ten seconds; its result must still be recorded in the graph.
    startToCloseTimeout: '20s',
    // An older notice is of no use (docs/reference/workflows.md, 'Notices').
    scheduleToCloseTimeout: '3d',
    retry: { initialInterval: '1m', backoffCoefficient: 2, maximumInterval: '1h' },
  });
const deliveries = deliveriesOn(TaskQueue.notices);
// All cards of a month expire on the same day: their notices must not delay other notices.
const cardDeliveries = deliveriesOn(TaskQueue.expiry);

const { recordNoticeFailed } = proxyActivities<Pick<NoticeActivities, 'recordNoticeFailed'>>({
  startToCloseTimeout: '20s',
  // Needs only the graph, and outlasts an outage of weeks.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

export async function sendNotice({
  given_up,
  ...input
}: SendNoticeInput): Promise<{ result: 'delivered' | 'undeliverable' }> {
  if (given_up !== undefined) return giveUp(input, given_up);
  try {
    const { deliverNotice } = input.payment_method_id === undefined ? deliveries : cardDeliveries;
    return await deliverNotice(input);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return giveUp(input, rootCause(error).message);
  }
}

async function giveUp(input: NoticeInput, cause: string): Promise<{ result: 'undeliverable' }> {
  const reason = `given up: ${cause}`;
  log.error('notice given up', { notification_id: input.notification_id, reason });
  await recordNoticeFailed({ ...input, reason });
  return { result: 'undeliverable' };
}

function rootCause(error: Error): Error {
  return error.cause instanceof Error ? rootCause(error.cause) : error;
}
