/** Executes the steps that the recovery's rules decide on, and returns the resulting facts. */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ActivityFailure, log, ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { RecoveryPolicy } from '../../domain/policy.ts';
import type { ChargeAnswer } from '../../domain/ports.ts';
import {
  attemptKey,
  fraudReportWorkflowId,
  type NoticeInput,
  recoveryNotificationId,
} from '../../domain/workflow-contracts.ts';
import type {
  DueNotice,
  Fact,
  ChargeOutcome,
  FraudReport,
  RecoveryState,
  Step,
} from '../../domain/recovery/state.ts';
import { refund } from '../refund-payment.ts';
import { reportFraud } from '../report-fraud.ts';
import { sendNotice } from '../send-notice.ts';
import { ofCustomer } from '../visibility.ts';
import {
  cancelPayment,
  closeRecovery,
  gateway,
  graph,
  lookups,
  notices,
  readings,
  recordAttempt,
  refreshRecovery,
} from './activities.ts';
import { answerOfFailedCharge } from './failed-charge.ts';

export async function perform(
  state: RecoveryState,
  step: Exclude<Step, { do: 'wait' | 'finish' }>,
): Promise<Fact> {
  const { payment_id, policy } = state.obligation;
  switch (step.do) {
    case 'look_up': {
      const { payment } = await readings.lookUpPayment({
        payment_id,
        gateway_payment_ref: step.gateway_payment_ref,
      });
      return { fact: 'looked_up', payment, at: Date.now() };
    }
    case 'claim': {
      const { payment_method_id } = step.candidate;
      const key = attemptKey(payment_id, payment_method_id, step.n);
      const claim = await graph.claimAttempt({ payment_id, payment_method_id, key, n: step.n, policy });
      return { fact: 'claim_answered', candidate: step.candidate, claim, at: Date.now() };
    }
    case 'charge':
      return { fact: 'charge_answered', answer: await charge(payment_id, step.claim.key) };
    case 'resolve_charge': {
      const { key, only_read } = step;
      const found = await resolveCharge(key, policy, only_read ? { only_read } : {});
      return { fact: 'charge_resolved', key, found, at: Date.now() };
    }
    case 'refund': {
      // A refund that fails now stays due in the graph: the sweep retries it, whether or not this run continues.
      const outcome = await refund(payment_id, step.key);
      return { fact: 'refunded', key: step.key, notify: 'refunded' in outcome && outcome.refunded };
    }
    case 'cancel_payment': {
      const { result } = await cancelPayment({ payment_id });
      if (result === 'cancelled') return { fact: 'payment_cancelled' };
      if (result === 'already_succeeded') return { fact: 'already_succeeded' };
      return { fact: 'not_cancelled', payment: result, at: Date.now() };
    }
    case 'record': {
      // The release of a claim is not recorded locally: until it is in the history, a message may let the charge go ahead.
      const write = state.charge?.answer ? recordAttempt : graph.recordAttempt;
      const recorded = await write({ payment_id, key: step.key, answer: step.answer, policy });
      const wait = step.answer.result === 'not_sent' ? step.answer.retry_after_ms : undefined;
      return {
        fact: 'attempt_recorded',
        recorded,
        at: Date.now(),
        ...(wait === undefined ? {} : { retry_after_ms: wait }),
      };
    }
    case 'report_fraud':
      await reportInBackground(state, step.report);
      return { fact: 'fraud_reported' };
    case 'flag_for_review':
      await graph.flagForReview({ payment_id, rule: step.rule });
      return { fact: 'flagged_for_review', at: Date.now() };
    case 'close': {
      const { do: _, ...closeRequest } = step;
      const closing = await closeRecovery({ payment_id, ...closeRequest });
      if (closing.result === 'already_succeeded') {
        return { fact: 'already_succeeded', ...(closing.reversed && { reversed: closing.reversed }) };
      }
      if (closing.result === 'not_cancelled') {
        return { fact: 'not_cancelled', payment: closing.payment, ending: step.ending, at: Date.now() };
      }
      if (closing.result === 'unresolved') {
        return { fact: 'closing_unresolved', attempt: closing.attempt, at: Date.now() };
      }
      const payment_open = step.keep_payment || closing.paid_too === true || closing.uncancelled === true;
      return { fact: 'closed', obligation: closing.obligation, payment_open };
    }
    case 'store_clock': {
      const { closes_at, stopped_at } = step.clock;
      await graph.storeClock({
        payment_id,
        closes_at: new Date(closes_at).toISOString(),
        ...(stopped_at === undefined ? {} : { stopped_at: new Date(stopped_at).toISOString() }),
      });
      return { fact: 'clock_stored', clock: step.clock };
    }
    case 'notify':
      await notify(state, step.notice);
      return { fact: 'notified', notice: step.notice, at: Date.now() };
    case 'refresh':
      return { fact: 'refreshed', found: await refreshRecovery({ payment_id, policy }), at: Date.now() };
  }
}

/** If the gateway cannot be read now, the result is `unknown`, and the polling schedule tries again. */
export async function resolveCharge(
  key: string,
  policy: RecoveryPolicy,
  options: { only_read?: true } = {},
): Promise<ChargeOutcome> {
  try {
    return await lookups.resolveCharge({ key, policy, ...options });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return { result: 'unknown', reason: error.cause?.message ?? error.message };
  }
}

async function charge(payment_id: string, key: string): Promise<ChargeAnswer> {
  try {
    return await gateway.charge({ payment_id, key });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    return answerOfFailedCharge(error);
  }
}

async function notify(state: RecoveryState, { template, stage }: DueNotice): Promise<void> {
  const { payment_id, customer_id, opened_at } = state.obligation;
  const notice: NoticeInput = {
    notification_id: recoveryNotificationId(payment_id, opened_at, template, stage),
    payment_id,
    customer_id,
    template,
  };
  try {
    await notices.deliverNotice(notice);
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.warn('notice not delivered yet: a child workflow keeps trying', {
      notification_id: notice.notification_id,
    });
    await startOnce(() =>
      startChild(sendNotice, {
        workflowId: notice.notification_id,
        args: [notice],
        ...ofCustomer(customer_id),
        parentClosePolicy: ParentClosePolicy.ABANDON,
      }),
    );
  }
}

/** Chimera may be unavailable for days; the recovery does not wait for it. */
async function reportInBackground(state: RecoveryState, report: FraudReport): Promise<void> {
  const { payment_id, customer_id } = state.obligation;
  await startOnce(() =>
    startChild(reportFraud, {
      workflowId: fraudReportWorkflowId(report.event_id),
      args: [{ ...report, customer_id, payment_id }],
      ...ofCustomer(customer_id),
      parentClosePolicy: ParentClosePolicy.ABANDON,
    }),
  );
}

/** A child with that id already does, or did, the same work: the id comes from the business event. */
async function startOnce(start: () => Promise<unknown>): Promise<void> {
  try {
    await start();
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
