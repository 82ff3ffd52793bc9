/** The least that Temporal must do for a recovery and for an onboarding: the same starts, activities and answers, no work. */

import {
  condition,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { BareActivities } from './activities.ts';
import { gatewayQueueOf } from './queues.ts';

const TIMES = { startToCloseTimeout: '20s', scheduleToCloseTimeout: '1d' } as const;
const { openRecovery, recordAttempt, deliverNotice, onboard } = proxyActivities<BareActivities>(TIMES);

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
  const { charge } = proxyActivities<BareActivities>({ ...TIMES, taskQueue });
  const answer = await charge({ payment_id, key });
  await recordAttempt({ payment_id, key, answer });
  const template = 'recovery_succeeded';
  await deliverNotice({ notification_id: key, payment_id, customer_id: failure?.customer_id, template });
  return { payment_id, outcome: 'recovered', payment_method_id: failure?.customer_id, attempts: 1 };
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
