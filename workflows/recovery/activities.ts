/** The side effects of a recovery, by class, each class with its bounds and their reasons. */

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

/** A run keeps the policy that it began with, whatever the worker has been given since. */
interface RunPolicy {
  policy: RecoveryPolicy;
}

export interface RecoveryActivities {
  /** Locks and opens the obligation, classifies, and claims the first alternative if one is due at once. */
  openRecovery(input: { failure: PaymentFailed; claim_first: boolean }): Promise<Opening>;
  /** What a settlement means for an obligation that this run knows nothing of yet. */
  openSettled(
    input: {
      settlement: PaymentSettled;
      /** `ignored` unless the gateway confirms that the payment which the settlement names has paid the obligation. */
      only_confirmed?: boolean;
    } & Partial<RunPolicy>,
  ): Promise<Opening>;
  /** What an obligation that this run has not opened looks like now. */
  resumeRecovery(input: { payment_id: string }): Promise<Opening>;
  /** What the graph has that no signal has told. */
  refreshRecovery(input: { payment_id: string } & RunPolicy): Promise<RecoveryRefresh>;
  /** The obligation's own payment as the gateway has it now. */
  readPayment(input: { payment_id: string }): Promise<{
    payment: Extract<Fact, { fact: 'authenticated' }>['payment'];
    gateway_ref?: string;
  }>;
  /**
   * Takes it back from review, if it is there, and says which methods may be tried; none at all: it is not under review
   * by the `rule` that was asked for.
   */
  endReview(input: { payment_id: string; rule?: string } & RunPolicy): Promise<{ alternatives?: string[] }>;
  /** Forgets what an edge has kept of messages that this run has acted on. */
  clearReports(input: { payment_id: string; reports: ReportId[] }): Promise<void>;
  /** Keeps that a person has stopped it, or lets it go on, for a run that takes over. */
  pauseRecovery(input: { payment_id: string; paused: boolean }): Promise<void>;
  /** Keeps where the clock of the window stands, for a run that takes over. Times are RFC 3339. */
  storeClock(input: { payment_id: string; closes_at: string; stopped_at?: string }): Promise<void>;
  /** One try. `processing`: the payment may still succeed; `unknown`: it was not cancelled, or the gateway did not say. */
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
  /** Cancels the payment by one try, and closes the obligation if nothing can succeed on it any more. */
  closeRecovery(input: {
    payment_id: string;
    ending: Ending;
    keep_payment: boolean;
    /** What the customer is to hear of it. */
    notice?: PaymentNoticeTemplate;
  }): Promise<
    | Closing
    /** `came_back`: nothing more can succeed on it, and it does not hold its amount. */
    | { result: 'already_succeeded'; came_back?: true }
    /** It stays open. */
    | { result: 'not_cancelled'; payment: 'processing' | 'unknown' }
  >;
}

export interface GatewayActivities {
  /** One charge, sent at most once. Declines, doubts and refusals to start are values. */
  charge(input: { payment_id: string; key: string }): Promise<ChargeAnswer>;
  /** What became of an attempt: read at the gateway; sent once more under its own key where that is safe. */
  resolveCharge(input: { key: string; only_read?: true } & RunPolicy): Promise<ChargeOutcome>;
}

/** What takes a message in that may stand nowhere but in this run. */
export const openings = proxyActivities<
  Pick<RecoveryActivities, 'openRecovery' | 'openSettled' | 'resumeRecovery'>
>({
  // As below.
  startToCloseTimeout: '20s',
  // However long an outage lasts, or a key is missing: a message that came by signal alone would be lost with the run.
  scheduleToCloseTimeout: '10y',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** What a run begins with: nothing comes before it but messages that are refused. */
export const openRecovery = localFirst('openRecovery', openings.openRecovery);

export const graph = proxyActivities<
  Omit<RecoveryActivities, keyof typeof openings | keyof typeof readings | keyof typeof cancelling>
>({
  // One transaction of milliseconds; more than this is a server that went away in the middle.
  startToCloseTimeout: '20s',
  // An outage of the graph must not end a recovery: nothing else would take it up again.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** What a charge came to is written down before anything else is received, so a lost task asks for it again. */
export const recordAttempt = localFirst('recordAttempt', graph.recordAttempt);
/** Reads. */
export const refreshRecovery = localFirst('refreshRecovery', graph.refreshRecovery);
/** The messages stand in the history. */
export const clearReports = localFirst('clearReports', graph.clearReports);

/** What needs an answer of the gateway first. */
const confirmations = proxyActivities<Pick<RecoveryActivities, 'openSettled'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // Two readings of ten seconds at most, and a transaction.
  startToCloseTimeout: '40s',
  // As all that takes a message in.
  scheduleToCloseTimeout: '10y',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** A settlement that names no payment is the reporter's word, which the gateway is not asked about. */
export const openSettled: RecoveryActivities['openSettled'] = (input) =>
  (input.settlement.gateway_payment_ref === undefined ? openings : confirmations).openSettled(input);

export const readings = proxyActivities<Pick<RecoveryActivities, 'readPayment' | 'lookUpPayment'>>({
  taskQueue: TaskQueue.gatewayRequests,
  // One request of ten seconds at most, and a transaction.
  startToCloseTimeout: '30s',
  // As above: nothing else would take the recovery up again.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
});

const closingsOn = (taskQueue: TaskQueueName) =>
  proxyActivities<Pick<RecoveryActivities, 'cancelPayment' | 'closeRecovery'>>({
    taskQueue,
    // Cancelling is up to six requests of at most ten seconds; one that fails is a value, and asked for again by the rules.
    startToCloseTimeout: '70s',
    // An outage of the graph, as above.
    scheduleToCloseTimeout: '30d',
    retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '1m' },
  });
const cancelling = closingsOn(TaskQueue.gatewayRequests);
const recording = closingsOn(TaskQueue.recovery);

export const { cancelPayment } = cancelling;

/** An ending that leaves the payment as it is has nothing to ask of the gateway. */
export const closeRecovery: RecoveryActivities['closeRecovery'] = (input) =>
  (input.keep_payment || input.ending.outcome === 'recovered' ? recording : cancelling).closeRecovery(input);

export const gateway = proxyActivities<GatewayActivities>({
  taskQueue: TaskQueue.gateway,
  // Longer than the HTTP timeout (30 s), shorter than the claim (60 s): what has not answered by then is unknown.
  startToCloseTimeout: '45s',
  // A backlog at the gateway: what has not begun by then must not, and would only take the place of a fresh claim. A
  // charge that never started is proven not to have been sent.
  scheduleToStartTimeout: CLAIM_MS - CLAIM_RESERVE_MS,
  // Whatever the two of them leave: by then the claim is over.
  scheduleToCloseTimeout: CLAIM_MS,
  // A second try could be a second charge; whether to charge again is the recovery's decision, never a retry's.
  retry: { maximumAttempts: 1 },
});

export const lookups = proxyActivities<GatewayActivities>({
  taskQueue: TaskQueue.gateway,
  // A read, and perhaps the charge that it allows: as long as a charge may take.
  startToCloseTimeout: '60s',
  // The ladder asks again later; an answer by then is as good as none.
  scheduleToCloseTimeout: '5m',
  // Reading twice does no harm, and what is sent twice has one key.
  retry: { maximumAttempts: 3, initialInterval: '2s' },
});

export const notices = proxyActivities<Pick<NoticeActivities, 'deliverNotice'>>({
  taskQueue: TaskQueue.notices,
  startToCloseTimeout: '20s',
  // A recovery waits this long for its message to be taken; then a child goes on trying for three days.
  scheduleToCloseTimeout: '60s',
  retry: { initialInterval: '1s', backoffCoefficient: 2 },
});
