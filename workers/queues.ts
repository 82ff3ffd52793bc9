/** Assigns activities to task queues, and reads the command line option that selects queues. */

import { parseArgs } from 'node:util';
import { createChimeraActivities } from '../activities/chimera.ts';
import { createContestActivities, type ContestDependencies } from '../activities/contests.ts';
import { createErasureActivities, type ErasureDependencies } from '../activities/erasure.ts';
import { createExpiryActivities, type ExpiryDependencies } from '../activities/expiry.ts';
import { createFollowActivities } from '../activities/follow-gateway.ts';
import { createFraudActivities } from '../activities/fraud.ts';
import { createGatewayActivities } from '../activities/gateway.ts';
import { createMethodChangeActivities } from '../activities/method-changes.ts';
import { createNoticeActivities } from '../activities/notices.ts';
import { createOnboardingActivities } from '../activities/onboarding.ts';
import { createPaymentMethodActivities } from '../activities/payment-methods.ts';
import { createReconcileActivities } from '../activities/reconciliation.ts';
import type { FollowChange } from '../activities/reconciliation-dependencies.ts';
import { createRecoveryActivities, type SignalRecoveries } from '../activities/recovery.ts';
import { createRefundActivities } from '../activities/refunds.ts';
import {
  createSweepActivities,
  type DeleteExecutionsOfGone,
  type ResumeFraudCase,
  type SendReport,
  type StartContest,
  type StartErasure,
  type StartNotice,
  type StartRefund,
} from '../activities/sweep.ts';
import { createRetentionActivities } from '../activities/retention.ts';
import { createRelayActivities, type RelayDependencies } from '../activities/relay.ts';
import type { ListRunningRecoveries, ResumeRecovery } from '../activities/sweep-recoveries.ts';
import { validationError } from '../domain/errors.ts';
import type { RetentionCounts } from '../domain/retention.ts';
import type { Policy } from '../domain/policy.ts';
import type { Chimera, ErasureJournal, Notifier, PaymentGateway } from '../domain/ports.ts';
import { TaskQueue, type TaskQueueName } from '../domain/workflow-contracts.ts';
import type { GatewayRecords } from '../domain/reconciliation/records.ts';
import type { Graph } from '../graph/index.ts';

export interface ActivityDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  notifier: Notifier;
  chimera: Chimera;
  policy: Policy;
  signalRecoveries: SignalRecoveries;
  listRunningRecoveries: ListRunningRecoveries;
  resumeRecovery: ResumeRecovery;
  resumeFraudCase: ResumeFraudCase;
  startContest: StartContest;
  startRefund: StartRefund;
  sendReport: SendReport;
  startNotice: StartNotice;
  countContestReminder: ContestDependencies['countContestReminder'];
  startErasure: StartErasure;
  endExecutions: ErasureDependencies['endExecutions'];
  listAnonymousOnboardings: ErasureDependencies['listAnonymousOnboardings'];
  deleteClosedExecutions: ErasureDependencies['deleteClosedExecutions'];
  deleteExecutionsOfGone: DeleteExecutionsOfGone;
  /** Absent: nothing can be erased. */
  journal?: ErasureJournal;
  countCards: ExpiryDependencies['countCards'];
  /** What retention has removed. */
  countRemoved: (counts: RetentionCounts) => void;
  followChange: FollowChange;
  records: GatewayRecords;
  /** Absent: this process has no Kafka. */
  publishing?: Pick<RelayDependencies, 'openEncoder' | 'openPublisher' | 'observeRelay' | 'onPublished'>;
  /** Epoch milliseconds. */
  now: () => number;
  /** Called for each message about a customer who is erased, or being erased. */
  onErased?: () => void;
}

/**
 * The activities of every queue. The queues are bulkheads: each has its own slots. Activities that wait for the gateway,
 * a receiver of notices or Chimera are scheduled on separate queues; the workflows' own queues offer them as well, for
 * runs of earlier versions that have scheduled them there and retry for weeks.
 */
export function queueActivities(dependencies: ActivityDependencies): Record<TaskQueueName, object> {
  const onboarding = createOnboardingActivities(dependencies);
  const methods = {
    ...createPaymentMethodActivities(dependencies),
    ...createMethodChangeActivities(dependencies),
  };
  const payments = { ...createRecoveryActivities(dependencies), ...createRefundActivities(dependencies) };
  const notices = createNoticeActivities(dependencies);
  const chimera = createChimeraActivities(dependencies);
  const { notifyOfErasure, ...erasure } = createErasureActivities(dependencies, notices);
  const { initiateBehavioralProfile } = onboarding;
  return {
    [TaskQueue.onboarding]: { ...onboarding, ...methods },
    [TaskQueue.recovery]: { ...payments, ...notices, ...chimera },
    [TaskQueue.gateway]: createGatewayActivities(dependencies),
    [TaskQueue.gatewayRequests]: { ...methods, ...payments },
    [TaskQueue.notices]: { ...notices, notifyOfErasure },
    [TaskQueue.chimera]: { ...chimera, initiateBehavioralProfile },
    [TaskQueue.fraud]: { ...createFraudActivities(dependencies), ...notices },
    // Includes its notices: all cards of a month expire on the same day, and must not delay recoveries.
    [TaskQueue.expiry]: { ...createExpiryActivities(dependencies), ...notices },
    [TaskQueue.maintenance]: {
      ...createSweepActivities(dependencies),
      ...createContestActivities(dependencies),
      ...createFollowActivities(dependencies),
      ...createRetentionActivities(dependencies),
      ...erasure,
    },
    // Differences are followed up on this queue's slots, too.
    [TaskQueue.reconciliation]: {
      ...createReconcileActivities(dependencies),
      ...createFollowActivities(dependencies),
    },
    [TaskQueue.relay]: dependencies.publishing
      ? createRelayActivities({ ...dependencies, ...dependencies.publishing })
      : {},
  };
}

/**
 * Reads `--queues a,b`; without it, every queue that the process can serve: the relay's needs Kafka.
 *
 * @throws PersonaError invalid_argument, listing the known queues
 */
export function readQueues(args: readonly string[], { hasKafka }: { hasKafka: boolean }): TaskQueueName[] {
  const all: TaskQueueName[] = Object.values(TaskQueue);
  const { values } = parseArgs({ args: [...args], options: { queues: { type: 'string' } } });
  if (values.queues === undefined) return all.filter((queue) => hasKafka || queue !== TaskQueue.relay);
  const named = values.queues.split(',').map((name) => name.trim());
  const unknown = named.filter((name) => !all.some((queue) => queue === name));
  if (unknown.length > 0) {
    const message = `unknown queue ${unknown.map((name) => `'${name}'`).join(', ')}; known queues: ${all.join(', ')}`;
    throw validationError([{ field: '--queues', message }]);
  }
  if (named.includes(TaskQueue.relay) && !hasKafka) {
    const message = `${TaskQueue.relay} publishes to Kafka, and KAFKA_BROKERS is not set`;
    throw validationError([{ field: '--queues', message }]);
  }
  return all.filter((queue) => named.includes(queue));
}
