/** The activities of a recovery by group, each group with its timeouts, retry policy and the reasons for them. */

import { proxyActivities } from '@temporalio/workflow';
import type { RecoveryPolicy } from '../../domain/policy.ts';
import type { ChargeAnswer, PaymentNoticeTemplate } from '../../domain/ports.ts';
import { type ReportId, TaskQueue, type TaskQueueName } from '../../domain/workflow-contracts.ts';
import {
  CLAIM_MS,
  CLAIM_RESERVE_MS,
  type Claim,
  type Closing,
  type Opening,
  type RecordedAttempt,
  type RecoveryRefresh,
} from '../../domain/recovery/claims.ts';
import type { PaymentFailed, PaymentSettled } from '../../domain/recovery/messages.ts';
import type { Ending, Fact, ChargeOutcome } from '../../domain/recovery/state.ts';
import { localFirst } from '../local-first.ts';
import type { NoticeActivities } from '../send-notice.ts';

/** A run keeps the policy that it started with, even if the worker's policy changes. */
interface RunPolicy {
  policy: RecoveryPolicy;
}

export interface RecoveryActivities {
  /** Locks and opens the obligation, classifies the failure, and claims the first alternative if it is due immediately. */
  openRecovery(input: { failure: PaymentFailed; claim_first: boolean }): Promise<Opening>;
  /** Applies a settlement to an obligation that this run has not opened. */
  openSettled(
    input: {
      settlement: PaymentSettled;
      /** Returns `ignored` unless the gateway confirms that the named payment has paid the obligation. */
      only_confirmed?: boolean;
    } & Partial<RunPolicy>,
  ): Promise<Opening>;
  /** The current state of an obligation that this run has not opened. */
  resumeRecovery(input: { payment_id: string }): Promise<Opening>;
  /** Reads from the graph what a lost signal would have reported. */
  refreshRecovery(input: { payment_id: string } & RunPolicy): Promise<RecoveryRefresh>;
  /** The current state of the obligation's own payment at the gateway. */
  readPayment(input: { payment_id: string }): Promise<{
    payment: Extract<Fact, { fact: 'authenticated' }>['payment'];
    gateway_ref?: string;
  }>;
  /**
   * Ends the obligation's review, if there is one, and returns the methods that may be charged. `alternatives` is absent
   * if the obligation is not under review by the given `rule`.
   */
  endReview(input: { payment_id: string; rule?: string } & RunPolicy): Promise<{ alternatives?: string[] }>;
  /** Deletes the accepted reports of messages that this run has handled. */
  clearReports(input: { payment_id: string; reports: ReportId[] }): Promise<void>;
  /** Stores whether an operator has paused the recovery, for a run that takes over. */
  pauseRecovery(input: { payment_id: string; paused: boolean }): Promise<void>;
  /** Stores the state of the clock, for a run that takes over. Times are RFC 3339. */
  storeClock(input: { payment_id: string; closes_at: string; stopped_at?: string }): Promise<void>;
  /** One attempt. `processing`: the payment may still succeed; `unknown`: it may not have been cancelled. */
  cancelPayment(input: { payment_id: string }): Promise<{
    result: 'cancelled' | 'already_succeeded' | 'processing' | 'unknown';
  }>;
  lookUpPayment(input: { payment_id: string; gateway_payment_ref: string }): Promise<{
    payment: Extract<Fact, { fact: 'looked_up' }>['payment'];
  }>;
  claimAttempt(
    input: { payment_id: string; payment_method_id: string; key: string; n: number } & RunPolicy,
  ): Promise<Claim>;
  recordAttempt(
    input: { payment_id: string; key: string; answer: ChargeAnswer } & RunPolicy,
  ): Promise<RecordedAttempt>;
  flagForReview(input: { payment_id: string; rule: string }): Promise<void>;
  /** Tries once to cancel the payment, and closes the obligation if the payment can no longer succeed. */
  closeRecovery(input: {
    payment_id: string;
    ending: Ending;
    keep_payment: boolean;
    /** The notice that the customer gets. */
    notice?: PaymentNoticeTemplate;
  }): Promise<
    | Closing
    /** `reversed`: the payment had succeeded, but was reversed. */
    | { result: 'already_succeeded'; reversed?: true }
    /** The obligation stays open. */
    | { result: 'not_cancelled'; payment: 'processing' | 'unknown' }
  >;
}

export interface GatewayActivities {
  /** One charge, sent at most once. Declined, unknown and not sent are results, not errors. */
  charge(input: { payment_id: string; key: string }): Promise<ChargeAnswer>;
  /** Resolves an attempt: reads it at the gateway, or resends it under its own key where that is safe. */
  resolveCharge(input: { key: string; only_read?: true } & RunPolicy): Promise<ChargeOutcome>;
}

/** Process a message that may exist only in this run. */
export const openings = proxyActivities<
  Pick<RecoveryActivities, 'openRecovery' | 'openSettled' | 'resumeRecovery'>
>({
  // As below.
  startToCloseTimeout: '20s',
  // Outlasts any outage or missing key: a message received only as a signal would be lost with the run.
  scheduleToCloseTimeout: '10y',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** May run locally: it is a run's first command, and only refused messages can precede it. */
export const openRecovery = localFirst('openRecovery', openings.openRecovery);

export const graph = proxyActivities<
  Omit<RecoveryActivities, keyof typeof openings | keyof typeof readings | keyof typeof cancelling>
>({
  // One transaction of milliseconds; anything longer means that the server was lost during it.
  startToCloseTimeout: '20s',
  // An outage of the graph must not end a recovery.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** May run locally: an outcome is recorded before any other message is processed, so that a lost task repeats it. */
export const recordAttempt = localFirst('recordAttempt', graph.recordAttempt);
/** May run locally: it only reads. */
export const refreshRecovery = localFirst('refreshRecovery', graph.refreshRecovery);
/** May run locally: the messages are in the workflow's history. */
export const clearReports = localFirst('clearReports', graph.clearReports);

/** Settlements that the gateway has to confirm first. */
const confirmations = proxyActivities<Pick<RecoveryActivities, 'openSettled'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // Two reads of at most ten seconds, and a transaction.
  startToCloseTimeout: '40s',
  // As in `openings`.
  scheduleToCloseTimeout: '10y',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** A settlement that names no gateway payment is trusted as reported; any other is confirmed at the gateway. */
export const openSettled: RecoveryActivities['openSettled'] = (input) =>
  (input.settlement.gateway_payment_ref === undefined ? openings : confirmations).openSettled(input);

export const readings = proxyActivities<Pick<RecoveryActivities, 'readPayment' | 'lookUpPayment'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // One request of at most ten seconds, and a transaction.
  startToCloseTimeout: '30s',
  // As in `graph`: an outage must not end a recovery.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

const closingsOn = (taskQueue: TaskQueueName) =>
  proxyActivities<Pick<RecoveryActivities, 'cancelPayment' | 'closeRecovery'>>({
    taskQueue,
    // Cancelling takes up to six requests of at most ten seconds; a failure is a result, and the rules retry it.
    startToCloseTimeout: '70s',
    // As in `graph`: an outage must not end a recovery.
    scheduleToCloseTimeout: '30d',
    retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
  });
const cancelling = closingsOn(TaskQueue.gatewayRequests);
const recording = closingsOn(TaskQueue.recovery);

export const { cancelPayment } = cancelling;

/** An ending that does not cancel the payment needs no gateway call. */
export const closeRecovery: RecoveryActivities['closeRecovery'] = (input) =>
  (input.keep_payment || input.ending.outcome === 'recovered' ? recording : cancelling).closeRecovery(input);

export const gateway = proxyActivities<GatewayActivities>({
  taskQueue: TaskQueue.gateway,
  // Longer than the HTTP timeout (30 s), shorter than the claim (60 s): without a response by then the charge is unknown.
  startToCloseTimeout: '45s',
  // In a backlog, a charge that has not started by then must not start, and would only take the slot of a fresh claim. A
  // charge that never started is proven not to have been sent.
  scheduleToStartTimeout: CLAIM_MS - CLAIM_RESERVE_MS,
  // By then the claim is over.
  scheduleToCloseTimeout: CLAIM_MS,
  // A retry could be a second charge: only the recovery decides whether to charge again.
  retry: { maximumAttempts: 1 },
});

export const lookups = proxyActivities<GatewayActivities>({
  taskQueue: TaskQueue.gateway,
  // A read, and possibly a resend of the charge, which takes as long as a charge.
  startToCloseTimeout: '60s',
  // Beyond this, the recovery's polling schedule tries again later.
  scheduleToCloseTimeout: '5m',
  // Reads are idempotent, and a resent charge has the same key.
  retry: { maximumAttempts: 3, initialInterval: '2s' },
});

export const notices = proxyActivities<Pick<NoticeActivities, 'deliverNotice'>>({
  taskQueue: TaskQueue.notices,
  startToCloseTimeout: '20s',
  // A recovery waits this long for the delivery; after that a child keeps trying for three days.
  scheduleToCloseTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 2 },
});
