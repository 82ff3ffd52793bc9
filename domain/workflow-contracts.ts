/** Workflow names, task queues and ids. They are contracts: other agents use them with their own Temporal clients. */

import type { ExpiryStage } from './expiry/calendar.ts';
import type { FraudOutcomeReport, ReviewDecision } from './fraud/messages.ts';
import type { MethodChange } from './method-change.ts';
import type { OnboardingResult, OnboardingRequest } from './onboarding/types.ts';
import type { PaymentMethodStatus, PaymentMethodType } from './payment-method.ts';
import type {
  AccountNoticeTemplate,
  CardNoticeTemplate,
  ContestNoticeTemplate,
  ErasureNoticeTemplate,
  PaymentNoticeTemplate,
} from './ports.ts';
import type { ChargeResult, PaymentFailed, PaymentSettled } from './recovery/messages.ts';

export const TaskQueue = {
  onboarding: 'persona-onboarding',
  recovery: 'persona-recovery',
  gateway: 'persona-gateway',
  gatewayRequests: 'persona-gateway-requests',
  notices: 'persona-notices',
  chimera: 'persona-chimera',
  fraud: 'persona-fraud',
  expiry: 'persona-expiry',
  maintenance: 'persona-maintenance',
  reconciliation: 'persona-reconciliation',
  /** Polled only by workers that have Kafka. */
  relay: 'persona-relay',
} as const;
export type TaskQueueName = (typeof TaskQueue)[keyof typeof TaskQueue];

export const WorkflowName = {
  onboardCustomer: 'onboardCustomer',
  addPaymentMethod: 'addPaymentMethod',
  updatePaymentMethod: 'updatePaymentMethod',
  removePaymentMethod: 'removePaymentMethod',
  recoverPayment: 'recoverPayment',
  refundPayment: 'refundPayment',
  sendNotice: 'sendNotice',
  reportFraud: 'reportFraud',
  sweepObligations: 'sweepObligations',
  followGateway: 'followGateway',
  applyFraudOutcome: 'applyFraudOutcome',
  reviewContest: 'reviewContest',
  monitorExpiringCards: 'monitorExpiringCards',
  reconcilePaymentMethods: 'reconcilePaymentMethods',
  applyRetention: 'applyRetention',
  relayOutbox: 'relayOutbox',
  eraseCustomer: 'eraseCustomer',
} as const;

/** The worker deployment's name, where workers are versioned. */
export const VERSIONED_DEPLOYMENT = 'persona';

export const UpdateName = { customerReady: 'customerReady', methodReady: 'methodReady' } as const;
export const RESOLVE_UNKNOWN = 'resolveUnknown';
export const QueryName = { status: 'status' } as const;

/** The requester, for the event log and the logs. */
export interface Requester {
  /** The scope of the caller's idempotency keys. */
  caller: string;
  actor: string;
  correlation_id: string;
}

export interface OnboardCustomerInput extends Requester {
  request: OnboardingRequest;
}

/** The result of update `customerReady`. */
export interface CustomerReady extends OnboardingResult {
  /**
   * The graph's keyed hash of the request that was processed. The execution under this transaction id may have been
   * started with another body: the caller compares.
   */
  request_hash: string;
}

export interface AddPaymentMethodInput extends Requester {
  customer_id: string;
  idempotency_key: string;
  method: AddedPaymentMethod;
  /** `customer`: the signed-in customer. */
  added_by: 'service' | 'customer';
  /** RFC 3339. */
  occurred_at: string;
}

export interface AddedPaymentMethod {
  type: PaymentMethodType;
  /** The gateway's token, as issued to its own page or app. */
  token: string;
  device_id?: string;
  off_session_consent?: boolean;
}

/** A change of a method in the wallet: its update or its removal. */
export interface ChangePaymentMethodInput extends Requester {
  customer_id: string;
  payment_method_id: string;
  idempotency_key: string;
  /** The expected `changed_seq` of the method, for optimistic concurrency. */
  expected_version?: number;
  /** `customer`: the signed-in customer. */
  by: 'customer' | 'service';
  /** RFC 3339. */
  occurred_at: string;
}

export interface UpdatePaymentMethodInput extends ChangePaymentMethodInput {
  change: MethodChange;
}

/** A notice and its subject: a payment, a fraud case, a contest, a card or an erasure. */
export type NoticeInput = {
  /** Also the id of the workflow that sends it. */
  notification_id: string;
  customer_id: string;
} & (
  | OnlyAbout<'payment_id', PaymentNoticeTemplate>
  | OnlyAbout<'case_id', AccountNoticeTemplate>
  | OnlyAbout<'contest_id', ContestNoticeTemplate>
  | OnlyAbout<'payment_method_id', CardNoticeTemplate>
  | OnlyAbout<'erasure_id', ErasureNoticeTemplate>
);
type Subject = 'payment_id' | 'case_id' | 'contest_id' | 'payment_method_id' | 'erasure_id';
type OnlyAbout<S extends Subject, Template> = { template: Template } & { [About in S]: string } & {
  [Other in Exclude<Subject, S>]?: undefined;
};

export type SendNoticeInput = NoticeInput & {
  /** Why it is given up without an attempt to send it. */
  given_up?: string;
};

export interface RefundPaymentInput {
  payment_id: string;
  /** Set if an operator requests the refund, including one that was given up. */
  by?: OperatorRequest;
}

/** The result of update `methodReady`. */
export interface MethodReady {
  payment_method_id: string;
  payment_method_status: PaymentMethodStatus;
  /** The customer's version after the last write, for reading one's own write. */
  version: number;
  /** As in `CustomerReady`. */
  request_hash: string;
}

/** The result of update `methodReady` of `updatePaymentMethod`. */
export interface MethodUpdated extends MethodReady {
  /** The gateway has not responded yet: the method is unchanged until it does. */
  pending: boolean;
}

/** The signal that `followGateway` is started with. */
export const GATEWAY_CHANGED = 'gatewayChanged';

/** A change made at the gateway, to be read again there. `source`: what detected it, if not a webhook. */
export type GatewayChange = { event_id: string; source?: 'reconciliation' } & (
  | { changed: 'payment_method'; payment_method_id: string }
  | { changed: 'mandate'; payment_method_id: string; mandate_ref: string }
  /** `gateway_ref`: the gateway's payment that was refunded. */
  | { changed: 'refunds'; payment_id: string; gateway_ref: string }
  /** A disputed charge, or one that the issuer reports as fraud: only the gateway knows its customer. */
  | { changed: 'dispute' | 'fraud_warning'; dispute_ref: string; charge_ref: string }
);

export interface FollowGatewayInput {
  /** Absent for a dispute: only its charge leads to the customer. */
  customer_id?: string;
  /** Changes that the previous run received and did not read. */
  received?: GatewayChange[];
}

/** Signals of `recoverPayment`, each with its payload. */
export interface RecoverySignals {
  paymentFailed: PaymentFailed;
  paymentSettled: PaymentSettled;
  paymentMethodAdded: { event_id: string; payment_method_id: string };
  /** New details or renewed consent: charged without delay, like an added method. */
  paymentMethodUpdated: { event_id: string; payment_method_id: string };
  /** The customer has authenticated at the gateway. */
  paymentAuthenticated: { event_id: string; gateway_ref?: string };
  customerStatusChanged: { status: string };
  claimFreed: Record<string, never>;
  /** Another recovery with the same method found that the customer revoked consent: this one ends too. */
  consentRevoked: { event_id: string };
  /** The issuer reports fraud on a method of this recovery: a dispute or an early warning. */
  fraudKnown: { event_id: string };
  /** A charge's later result, from the gateway's webhook. */
  chargeResult: ChargeResult;
  /** Operator requests, with actor and reason. */
  pause: OperatorRequest;
  resume: OperatorRequest;
  /** `rule`: only if the recovery is under review by that rule. */
  retryNow: OperatorRequest & { rule?: string };
  cancel: OperatorRequest;
}

export interface OperatorRequest {
  actor: string;
  reason: string;
}
export type RecoverySignalName = keyof RecoverySignals;

/** Signals of `applyFraudOutcome`, each with its payload. */
export interface FraudSignals {
  fraudOutcome: FraudOutcomeReport;
  /** An operator's decision on a suspicion. */
  reviewDecision: ReviewDecision;
  /** Restores the status of the case's customer and nothing else. */
  reinstate: OperatorRequest;
}
export type FraudSignalName = keyof FraudSignals;

export interface ApplyFraudOutcomeInput {
  case_id: string;
  /** Continues from the graph's state without waiting for a signal: how the sweep restarts lost runs. */
  resume?: boolean;
}

/**
 * The signals that start or end a process, by the kind of the `AcceptedReport` that holds each until a transaction has
 * recorded it (docs/reference/workflows.md, 'Accepted messages').
 */
export const REPORT_SIGNALS = {
  payment_failed: 'paymentFailed',
  payment_settled: 'paymentSettled',
  charge_result: 'chargeResult',
  fraud_outcome: 'fraudOutcome',
} as const satisfies Record<string, RecoverySignalName | FraudSignalName>;
export type ReportKind = keyof typeof REPORT_SIGNALS;

/** The unique id of an accepted report: a sender may use the same event id for reports of different kinds. */
export interface ReportId {
  kind: ReportKind;
  event_id: string;
}

/** An accepted report as it is signalled to its process. */
export type Report<Kind extends ReportKind = ReportKind> = {
  [K in Kind]: { kind: K; message: (RecoverySignals & FraudSignals)[(typeof REPORT_SIGNALS)[K]] };
}[Kind];

/** A report's subject: the payment or the fraud case whose process handles it. */
export type ReportSubject =
  | { payment_id: string; case_id?: undefined }
  | { case_id: string; payment_id?: undefined };

export function subjectOf({ kind, message }: Report): ReportSubject {
  return kind === 'fraud_outcome' ? { case_id: message.case_id } : { payment_id: message.payment_id };
}

/** Search attributes, all of type Keyword; they hold ids and states, never personal data. */
export const SearchAttribute = {
  customerId: 'PersonaCustomerId',
  process: 'PersonaProcess',
  state: 'PersonaState',
  outcome: 'PersonaOutcome',
} as const;
/**
 * The outcome of an execution whose customer is unknown, because they were erased: the sweep deletes it, as its history may
 * hold what was said about them.
 */
export const CUSTOMER_GONE = 'customer_gone';

export const onboardingWorkflowId = (transactionId: string) => `onboarding:${transactionId}`;
export const recoveryWorkflowId = (paymentId: string) => `recovery:${paymentId}`;
export const refundWorkflowId = (paymentId: string) => `refund:${paymentId}`;
/** Whether a process's or a notice's id contains the id of a payment. */
export const namesPayment = (id: string): boolean => /^(?:recovery|refund|gateway-refunds):/.test(id);
/** The caller that scopes the idempotency keys of a process's commands. Must never change. */
export const workflowCaller = (workflowType: string) => `workflow:${workflowType}`;
/** `keyHash`: SHA-256, in hex, of `caller|key`. */
export const paymentMethodWorkflowId = (customerId: string, keyHash: string) =>
  `payment-method:${customerId}:${keyHash}`;

/**
 * One run at a time reads a method, a mandate, the refunds of an obligation or the disputes of a charge, so that an older
 * reading never overwrites a newer one. A mandate that the API key may not read is retried for weeks without blocking
 * the rest.
 */
export function followGatewayWorkflowId(change: GatewayChange): string {
  switch (change.changed) {
    case 'refunds':
      return `gateway-refunds:${change.payment_id}`;
    case 'dispute':
    case 'fraud_warning':
      return `gateway-dispute:${change.charge_ref}`;
    case 'mandate':
      return `gateway-mandate:${change.payment_method_id}:${change.mandate_ref}`;
    case 'payment_method':
      return `gateway-method:${change.payment_method_id}`;
  }
}

/** The input of `eraseCustomer`; its history names no customer. */
export interface EraseCustomerInput {
  erasure_id: string;
}

export const erasureWorkflowId = (erasureId: string) => `erasure:${erasureId}`;

/** The signal of `reviewContest` with an operator's `ContestDecision`. */
export const CONTEST_DECISION = 'contestDecision';

export interface ReviewContestInput {
  contest_id: string;
  /** From the previous run in the continue-as-new chain: the opening, by its time, of which operators were reminded. */
  reminded_of?: number;
}

export const contestWorkflowId = (contestId: string) => `contest:${contestId}`;
/** `openedSeq`: of the `EventContested`; a contest that is opened again has another. */
export const contestNotificationId = (contestId: string, openedSeq: number) =>
  `contest:${contestId}:contest_decided:${openedSeq}`;

export const fraudCaseWorkflowId = (caseId: string) => `fraud-case:${caseId}`;

/** The schedule of the sweep for recoveries without a run. */
export const OBLIGATION_SWEEP = { id: 'obligation-sweep', everyMs: 10 * 60_000 } as const;

/** The schedule for expiring cards. Its runs start after noon UTC, when the previous day is over everywhere on earth. */
export const EXPIRY_MONITOR = {
  id: 'card-expiry-monitor',
  everyMs: 24 * 3_600_000,
  offsetMs: 12.5 * 3_600_000,
  jitterMs: 30 * 60_000,
} as const;

/** The schedule of the reconciliation of the graph with the gateway. */
export const RECONCILIATION = { id: 'payment-method-reconciliation', everyMs: 24 * 60 * 60_000 } as const;

/** The schedule that removes what is older than the policy keeps it. */
export const RETENTION = { id: 'retention', everyMs: 24 * 60 * 60_000 } as const;

/** The memo of a schedule's runs: the share of them that are traced, from 0 to 1. */
export const TRACED_SHARE = 'traced_share';

/** One relay for all events: it has no schedule, and each run continues as new. */
export const OUTBOX_RELAY_ID = 'outbox-relay';

export interface ReconcileInput {
  /** Only reports what would be corrected. */
  dry_run?: true;
  /** All wallets, including those compared recently. */
  all?: true;
  /** Where the previous execution stopped: internal to the workflow. */
  from?: unknown;
}

/** `eventId`: Chimera deduplicates by it. */
export const fraudReportWorkflowId = (eventId: string) => `fraud-report:${eventId}`;

/** The gateway's idempotency key of one attempt; `n` counts this method's attempts for this obligation over all runs, from 1. */
export const attemptKey = (paymentId: string, paymentMethodId: string, n: number) =>
  `recovery:${paymentId}:${paymentMethodId}:${n}`;
/** The key of an external payment, by the gateway's payment. */
export const settledPaymentKey = (gatewayRef: string) => `settled:${gatewayRef}`;
/** The id of an overpayment; the key as in `RecoveryOverpaid`. */
export const overpaymentId = (paymentId: string, key: string) => `${paymentId}/${key}`;
/** The id of a gateway refund's part that concerns one payment. */
export const refundId = (paymentId: string, refundRef: string) => `${paymentId}/${refundRef}`;
/** The key of a failure reported by another system. */
export const reportedAttemptKey = (eventId: string) => `reported:${eventId}`;
/** `openedAt` in epoch milliseconds: new at each reopening, so that a second recovery may write again. */
export const recoveryNotificationId = (paymentId: string, openedAt: number, template: string, stage = '1') =>
  `recovery:${paymentId}:${openedAt}:${template}:${stage}`;
/** A case notifies its customer once. */
export const suspensionNotificationId = (caseId: string) => `fraud:${caseId}:account_suspended:1`;
/** An erasure notifies its customer once. */
export const erasureNotificationId = (erasureId: string) => `erasure:${erasureId}:data_erased:1`;
/** The key of an attempt that erasure has left, of which nothing leads to its method; `n` counts those of a payment. */
export const erasedAttemptKey = (paymentId: string, n: number) => `erased:${paymentId}:${n}`;
/** Built from a card, its expiry month (`YYYY-MM`) and a stage. */
export const expiryNotificationId = (paymentMethodId: string, month: string, stage: ExpiryStage) =>
  `expiry:${paymentMethodId}:${month}:${stage === 'card_expired' ? 'card_expired:1' : `card_expiring:${stage}`}`;
/** The template of a recovery's notification: payment ids have no colon. */
export const templateOf = (notificationId: string) => notificationId.split(':')[3] as PaymentNoticeTemplate;
/** Distinguishes refund notices from notices about a recovery's outcome. */
export const isRefundNotice = (notificationId: string) => templateOf(notificationId) === 'refund_issued';
