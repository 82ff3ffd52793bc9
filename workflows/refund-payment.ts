/**
 * Gives back what was paid twice, where the recovery itself could not: the sweep starts it each day that a refund is due,
 * and a person by `persona refund`. The graph says what is due; a run of it tries each second success once.
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
import { show } from './visibility.ts';

export interface RefundActivities {
  /** What is to be given back now: keys as in `RecoveryOverpaid`. `by`: a person asks for all that is left. */
  dueRefunds(input: {
    payment_id: string;
    by?: OperatorRequest;
  }): Promise<{ customer_id: string; keys: string[] }>;
  /** Gives a second success back, if it is due, and writes down what came of it. */
  refundCharge(input: { payment_id: string; key: string }): Promise<RefundOutcome>;
}

export interface RefundPaymentResult {
  payment_id: string;
  /** `unavailable`: the gateway could not be asked; it stays due, and is tried again by the next sweep. */
  refunds: ({ key: string } & (RefundOutcome | { unavailable: string }))[];
}

const { dueRefunds } = proxyActivities<Pick<RefundActivities, 'dueRefunds'>>({
  // One transaction of milliseconds.
  startToCloseTimeout: '20s',
  // What is due stands in the graph: the next sweep begins anew.
  scheduleToCloseTimeout: '5m',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '30s' },
});

const refunds = proxyActivities<Pick<RefundActivities, 'refundCharge'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // Up to four requests of ten seconds, and two transactions.
  startToCloseTimeout: '50s',
  // Meanwhile a recovery processes no signals. What is due stays due in the graph, and the sweep takes it up.
  scheduleToCloseTimeout: '3m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

export async function refundPayment({ payment_id, by }: RefundPaymentInput): Promise<RefundPaymentResult> {
  if (by) log.info('A person asks: refund', { actor: by.actor, reason: by.reason });
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
    `Gave back ${done} of ${keys.length} payments that were one too many`,
  );
  return result;
}

/** Tries once, and says in the log where that came to nothing. */
export async function refund(
  payment_id: string,
  key: string,
): Promise<RefundOutcome | { unavailable: string }> {
  try {
    const outcome = await refunds.refundCharge({ payment_id, key });
    if (!outcome.refunded) {
      const { reason, next_at } = outcome;
      if (next_at === null)
        log.error('A second charge could not be given back; a person must', { key, reason });
      else log.warn('A second charge could not be given back yet', { key, reason, next_at });
    }
    return outcome;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const reason = error.cause?.message ?? error.message;
    log.error('Whether a second charge can be given back is not known yet', { key, reason });
    return { unavailable: reason };
  }
}

/** The workflow of that notification sends it once, however often it is started. */
async function startRefundNotice(
  payment: { payment_id: string; customer_id: string },
  notification_id: string,
): Promise<void> {
  try {
    await startChild(sendNotice, {
      workflowId: notification_id,
      args: [{ ...payment, notification_id, template: 'refund_issued' }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
