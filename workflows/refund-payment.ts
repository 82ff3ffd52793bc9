/**
 * Refunds second successes that the recovery itself could not refund. Started by the sweep on each day that a refund is
 * due, and by an operator with `persona refund`. The graph has the due refunds; a run tries each of them once.
 */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ActivityFailure, log, ParentClosePolicy, proxyActivities, startChild } from '@temporalio/workflow';
import {
  type OperatorRequest,
  type RefundPaymentInput,
  TaskQueue,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import type { RefundOutcome } from '../domain/recovery/refunds.ts';
import { sendNotice } from './send-notice.ts';
import { ofCustomer, show } from './visibility.ts';

export interface RefundActivities {
  /** The refunds to make now: keys as in `RecoveryOverpaid`. `by`: an operator requests all that are left. */
  dueRefunds(input: {
    payment_id: string;
    by?: OperatorRequest;
  }): Promise<{ customer_id: string; keys: string[] }>;
  /** Refunds a second success, if that is due, and records the outcome. */
  refundCharge(input: { payment_id: string; key: string }): Promise<RefundOutcome>;
}

export interface RefundPaymentResult {
  payment_id: string;
  /** `unavailable`: the gateway could not be reached; the refund stays due, and the next sweep tries again. */
  refunds: ({ key: string } & (RefundOutcome | { unavailable: string }))[];
}

const { dueRefunds } = proxyActivities<Pick<RefundActivities, 'dueRefunds'>>({
  // One transaction of milliseconds.
  startToCloseTimeout: '20s',
  // Due refunds are in the graph: the next sweep starts afresh.
  scheduleToCloseTimeout: '5m',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

const refunds = proxyActivities<Pick<RefundActivities, 'refundCharge'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // Up to four requests of ten seconds, and two transactions.
  startToCloseTimeout: '50s',
  // A recovery processes no signals meanwhile. A due refund stays due in the graph, and the sweep retries it.
  scheduleToCloseTimeout: '3m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

export async function refundPayment({ payment_id, by }: RefundPaymentInput): Promise<RefundPaymentResult> {
  if (by) log.info('operator request: refund', { actor: by.actor });
  const { customer_id, keys } = await dueRefunds({ payment_id, ...(by && { by }) });
  const result: RefundPaymentResult = { payment_id, refunds: [] };
  for (const key of keys) {
    const outcome = await refund(payment_id, key);
    result.refunds.push({ key, ...outcome });
    if ('notice' in outcome && outcome.notice)
      await startRefundNotice({ payment_id, customer_id }, outcome.notice);
  }
  const done = result.refunds.filter((one) => 'refunded' in one && one.refunded).length;
  const outcome = done === keys.length ? 'refunded' : 'due';
  show(
    { process: WorkflowName.refundPayment, customerId: customer_id, state: 'done', outcome },
    `Refunded ${done} of ${keys.length} second successes`,
  );
  return result;
}

/** Tries a refund once, and logs a failure. */
export async function refund(
  payment_id: string,
  key: string,
): Promise<RefundOutcome | { unavailable: string }> {
  try {
    const outcome = await refunds.refundCharge({ payment_id, key });
    if (!outcome.refunded) {
      const { reason, next_at } = outcome;
      if (next_at === null) log.error('refund failed: an operator must refund it', { key, reason });
      else log.warn('refund failed: it stays due', { key, reason, next_at });
    }
    return outcome;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const reason = error.cause?.message ?? error.message;
    log.error('refund not completed: it stays due', { key, reason });
    return { unavailable: reason };
  }
}

/** The child's id deduplicates: the notice is sent once, however often this is called. */
async function startRefundNotice(
  payment: { payment_id: string; customer_id: string },
  notification_id: string,
): Promise<void> {
  try {
    await startChild(sendNotice, {
      workflowId: notification_id,
      args: [{ ...payment, notification_id, template: 'refund_issued' }],
      ...ofCustomer(payment.customer_id),
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
