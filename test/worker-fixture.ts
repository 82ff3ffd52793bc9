/** The API of `webhook-fixture.ts` with workers behind it, which process what is reported. */

import { vi } from 'vitest';
import { createStripeRecords } from '../adapters/stripe/records.ts';
import type { FraudOutcomeReport } from '../domain/fraud/messages.ts';
import type { Chimera, Notifier, PaymentGateway, SuspectedFraud } from '../domain/ports.ts';
import { recoveryWorkflowId, TaskQueue } from '../domain/workflow-contracts.ts';
import type { PaymentFailed, PaymentSettled } from '../domain/recovery/messages.ts';
import type { RecoveryStatus } from '../domain/recovery/status.ts';
import { readPolicy } from '../platform/policy.ts';
import { workflowBundle } from '../temporal/bundle.ts';
import { followGateway, sendReport, signalRecoveries } from '../temporal/workflow-client.ts';
import { createQueueWorker, runWorkers } from '../temporal/worker.ts';
import { queueActivities } from '../workers/queues.ts';
import type { FollowGatewayResult } from '../workflows/follow-gateway.ts';
import { startWebhooks } from './webhook-fixture.ts';

/** For a busy machine, on which Neo4j takes a minute to plan what the first recovery needs; normally it takes a second. */
const LIMIT = { timeout: 110_000, interval: 50 };
const QUEUES = [
  TaskQueue.recovery,
  TaskQueue.gateway,
  TaskQueue.gatewayRequests,
  TaskQueue.notices,
  TaskQueue.chimera,
  TaskQueue.fraud,
  TaskQueue.maintenance,
  TaskQueue.reconciliation,
];

export type WorkerFixture = Awaited<ReturnType<typeof startWorkerFixture>>;

/** Replacements of the default fakes, and how many activities of a queue run concurrently. */
interface FixtureOverrides {
  notifier?: Notifier;
  chimera?: Partial<Chimera>;
  gateway?: Partial<PaymentGateway>;
  slots?: number;
}

export async function startWorkerFixture(overrides: FixtureOverrides = {}) {
  const webhooks = await startWebhooks();
  const { graph, temporal, stripe, codecKeys } = webhooks;
  /** The reports to Chimera. */
  const suspectedFrauds: SuspectedFraud[] = [];
  const notifier = overrides.notifier ?? { deduplicates: true, deliver: async () => {} };
  const gateway = { ...stripe.gateway, ...overrides.gateway };
  const activities = queueActivities({
    ...{ graph, gateway, notifier, policy: readPolicy(), now: Date.now },
    chimera: {
      initiateBehavioralProfile: async () => ({ baseline_data_ref: 'ref' }),
      async reportSuspectedFraud(report) {
        suspectedFrauds.push(report);
      },
      forgetCustomer: async () => {},
      ...overrides.chimera,
    },
    signalRecoveries: (paymentIds, signal, payload) =>
      signalRecoveries(temporal.client, paymentIds, signal, payload),
    listRunningRecoveries: async () => new Set(),
    resumeRecovery: async () => false,
    resumeFraudCase: async () => false,
    startContest: async () => false,
    startRefund: async () => false,
    sendReport: (report) => sendReport(temporal.client, report),
    startNotice: async () => false,
    startErasure: async () => false,
    endExecutions: async () => 0,
    async *listAnonymousOnboardings() {},
    deleteExecutionsOfGone: async () => 0,
    deleteClosedExecutions: async () => 0,
    countContestReminder: () => {},
    countCards: () => {},
    countRemoved: () => {},
    followChange: (customerId, change) =>
      followGateway(temporal.client, customerId, change, TaskQueue.reconciliation),
    records: createStripeRecords({ apiKey: 'sk_test_1', apiBase: stripe.url }),
  });
  const bundle = await workflowBundle();
  const { connection, namespace } = temporal;
  const running = runWorkers(
    await Promise.all(
      QUEUES.map((queue) =>
        createQueueWorker({
          ...{ connection, namespace, queue, bundle, codecKeys, debugMode: true },
          activities: activities[queue],
          ...(overrides.slots !== undefined && { maxConcurrentActivityTaskExecutions: overrides.slots }),
        }),
      ),
    ),
  );
  const app = webhooks.createAppFor(temporal.client);
  const handleOf = (workflowId: string) => temporal.client.workflow.getHandle(workflowId);

  async function report(path: string, body: object): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const response = await app.request(path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
  }

  return {
    ...webhooks,
    suspectedFrauds,

    reportFailure: (failure: PaymentFailed) => report('/internal/v1/payment-failures', failure),
    reportSettlement: (settlement: PaymentSettled) => report('/internal/v1/payment-settlements', settlement),

    reportFraud: (outcome: FraudOutcomeReport) => report('/internal/v1/fraud-outcomes', outcome),

    /** The recovery's status as its customer's agents read it, once it is as expected. */
    async waitForRecovery(
      { customer_id, payment_id }: Pick<PaymentFailed, 'customer_id' | 'payment_id'>,
      isExpected: (status: RecoveryStatus) => boolean,
    ): Promise<RecoveryStatus> {
      return vi.waitFor(async () => {
        const response = await app.request(`/api/v1/customers/${customer_id}/recoveries/${payment_id}`);
        const text = await response.text();
        const status = response.ok ? (JSON.parse(text) as RecoveryStatus) : undefined;
        if (status === undefined || !isExpected(status)) throw new Error(`the recovery's status is ${text}`);
        return status;
      }, LIMIT);
    },

    /** A signal from an operator. */
    sendOperatorRequest: (payment_id: string, signal: 'retryNow' | 'cancel') =>
      handleOf(recoveryWorkflowId(payment_id)).signal(signal, { actor: 'ops', reason: 'test' }),

    /** The outcomes of the changes that were signalled to this workflow. */
    outcomesOf: async (workflowId: string) =>
      ((await handleOf(workflowId).result()) as FollowGatewayResult).outcomes,

    async close(): Promise<void> {
      await running.stop();
      await webhooks.close();
    },
  };
}
