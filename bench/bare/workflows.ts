/** Temporal's minimum for a recovery, an onboarding and a fraud case: the same starts, activities and results. */

import { defineSearchAttributeKey } from '@temporalio/common';
import {
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { BareActivities } from './activities.ts';
import { gatewayQueueOf, noticesQueueOf } from './queues.ts';

const ACTIVITY_TIMEOUTS = { startToCloseTimeout: '20s', scheduleToCloseTimeout: '1d' } as const;
const { openRecovery, endReview, claimAttempt, recordAttempt, onboard, applyOutcome } =
  proxyActivities<BareActivities>(ACTIVITY_TIMEOUTS);

const deliverNotice: BareActivities['deliverNotice'] = (notice) => {
  const taskQueue = noticesQueueOf(workflowInfo().taskQueue);
  return proxyActivities<BareActivities>({ ...ACTIVITY_TIMEOUTS, taskQueue }).deliverNotice(notice);
};

interface Failure {
  payment_id: string;
  customer_id: string;
}

export async function bareRecovery({ payment_id }: { payment_id: string }): Promise<unknown> {
  let failure: Failure | undefined;
  setHandler(defineSignal<[Failure]>('paymentFailed'), (payload) => {
    failure = payload;
  });
  await condition(() => failure !== undefined);
  await openRecovery({ failure, claim_first: true });
  const key = `recovery:${payment_id}:${failure?.customer_id}:1`;
  const taskQueue = gatewayQueueOf(workflowInfo().taskQueue);
  const { charge } = proxyActivities<BareActivities>({ ...ACTIVITY_TIMEOUTS, taskQueue });
  const answer = await charge({ payment_id, key });
  await recordAttempt({ payment_id, key, answer });
  const template = 'recovery_succeeded';
  await deliverNotice({ notification_id: key, payment_id, customer_id: failure?.customer_id, template });
  return { payment_id, outcome: 'recovered', payment_method_id: failure?.customer_id, attempts: 1 };
}

const DAY_MS = 24 * 3_600_000;
const STATE = defineSearchAttributeKey('PersonaState', 'KEYWORD');

/** Waits for a timer or a signal, and then charges. */
export async function bareWaiting({ payment_id }: { payment_id: string }): Promise<unknown> {
  let failure: Failure | undefined;
  let isRetryRequested = false;
  setHandler(defineSignal<[Failure]>('paymentFailed'), (payload) => {
    failure = payload;
  });
  setHandler(defineSignal('retryNow'), () => {
    isRetryRequested = true;
  });
  await condition(() => failure !== undefined);
  const opening = await openRecovery({ failure, claim_first: true });
  setHandler(defineQuery('status'), () => opening);
  const template = 'no_alternative';
  const notice = { notification_id: payment_id, payment_id, customer_id: failure?.customer_id };
  await deliverNotice({ ...notice, template });
  upsertSearchAttributes([{ key: STATE, value: 'waiting' }]);
  await condition(() => isRetryRequested, DAY_MS);

  await endReview({ payment_id });
  const key = `recovery:${payment_id}:${failure?.customer_id}:1`;
  await claimAttempt({ payment_id, key });
  const taskQueue = gatewayQueueOf(workflowInfo().taskQueue);
  const { charge } = proxyActivities<BareActivities>({ ...ACTIVITY_TIMEOUTS, taskQueue });
  const answer = await charge({ payment_id, key });
  await recordAttempt({ payment_id, key, answer });
  await deliverNotice({ ...notice, template: 'recovery_succeeded' });
  return { payment_id, outcome: 'recovered', attempts: 1 };
}

export async function bareOnboarding(input: unknown): Promise<unknown> {
  let ready: unknown;
  let answered = false;
  setHandler(defineUpdate<unknown>('customerReady'), async () => {
    await condition(() => answered);
    return ready;
  });
  ({ ready } = (await onboard(input)) as { ready: unknown });
  answered = true;
  return ready;
}

interface Outcome {
  case_id: string;
  outcome: string;
}

/** Confirmed fraud suspends the customer, who is notified. */
export async function bareFraudCase({ case_id }: { case_id: string }): Promise<unknown> {
  let report: Outcome | undefined;
  setHandler(defineSignal<[Outcome]>('fraudOutcome'), (payload) => {
    report = payload;
  });
  await condition(() => report !== undefined);
  const answer = await applyOutcome(report);
  if (report?.outcome === 'confirmed_fraud') await deliverNotice(report);
  return { case_id, outcome: report?.outcome, answer };
}
