/**
 * A notice that could not be handed over at once: tried for three days beside the process that it belongs to, or after
 * that was lost.
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
   * Writes to the customer once per notification id. `undeliverable`: there is nobody to write to, the receiver refused
   * it for good, or nobody knows whether it was handed over; `NoticeFailed` says so in the graph.
   */
  deliverNotice(input: NoticeInput): Promise<{ result: 'delivered' | 'undeliverable' }>;
  /** Writes down that a notice was given up, and why. */
  recordNoticeFailed(input: NoticeInput & { reason: string }): Promise<void>;
}

const deliveriesOn = (taskQueue: TaskQueueName) =>
  proxyActivities<Pick<NoticeActivities, 'deliverNotice'>>({
    taskQueue,
    // One hand-over takes ten seconds at most, and the graph must still be told what came of it.
    startToCloseTimeout: '20s',
    // Older news than this helps nobody (specification: interfaces, 'Notifications').
    scheduleToCloseTimeout: '3d',
    retry: { initialInterval: '1m', backoffCoefficient: 2, maximumInterval: '1h' },
  });
const deliveries = deliveriesOn(TaskQueue.notices);
// A month's cards end together: what is written about them must not keep other notices waiting.
const cardDeliveries = deliveriesOn(TaskQueue.expiry);

const { recordNoticeFailed } = proxyActivities<Pick<NoticeActivities, 'recordNoticeFailed'>>({
  startToCloseTimeout: '20s',
  // Only the graph is needed; an outage of weeks is worse than a missing line in a timeline.
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
  log.error('The notice was given up', { notification_id: input.notification_id, reason });
  await recordNoticeFailed({ ...input, reason });
  return { result: 'undeliverable' };
}

function rootCause(error: Error): Error {
  return error.cause instanceof Error ? rootCause(error.cause) : error;
}
