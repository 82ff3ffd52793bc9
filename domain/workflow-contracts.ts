/** Names, queues and ids of the durable processes. They are contracts: other agents use them with their own Temporal clients. */

import type { ExpiryStage } from './expiry/calendar.ts';
import type { FraudOutcomeReport, ReviewDecision } from './fraud/messages.ts';
import type { MethodChange } from './method-change.ts';
import type { OnboardingResult, OnboardingRequest } from './onboarding.ts';
import type { PaymentMethodStatus, PaymentMethodType } from './payment-method.ts';
import type { AccountNoticeTemplate, CardNoticeTemplate, PaymentNoticeTemplate } from './ports.ts';
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
  monitorExpiringCards: 'monitorExpiringCards',
  reconcilePaymentMethods: 'reconcilePaymentMethods',
  expireReceipts: 'expireReceipts',
} as const;

/** The deployment whose versions the workers are, where they are versioned. */
export const VERSIONED_DEPLOYMENT = 'persona';

export const UpdateName = { customerReady: 'customerReady', methodReady: 'methodReady' } as const;
export const RESOLVE_UNKNOWN = 'resolveUnknown';
export const QueryName = { status: 'status' } as const;

/** Who asks, for the event log and the logs. */
export interface Requester {
  /** The scope of the caller's idempotency keys. */
  caller: string;
  actor: string;
  correlation_id: string;
}

export interface OnboardCustomerInput extends Requester {
  request: OnboardingRequest;
}

/** What update `customerReady` answers. */
export interface CustomerReady extends OnboardingResult {
  /**
   * The graph's keyed hash of the request that was carried out. An execution under this transaction id may have begun
   * with another body: who asks compares.
   */
  request_hash: string;
}

export interface AddPaymentMethodInput extends Requester {
  customer_id: string;
  idempotency_key: string;
  method: AddedPaymentMethod;
  /** `customer`: signed in. */
  added_by: 'service' | 'customer';
  /** RFC 3339. */
  occurred_at: string;
}

export interface AddedPaymentMethod {
  type: PaymentMethodType;
  /** The gateway's, as its own page or app handed it out. */
  token: string;
  device_id?: string;
  off_session_consent?: boolean;
}

/** A change of a method that the customer has. */
export interface EditPaymentMethodInput extends Requester {
  customer_id: string;
  payment_method_id: string;
  idempotency_key: string;
  /** The method's `changed_seq`, if it must not have changed since. */
  expected_version?: number;
  /** `customer`: signed in. */
  by: 'customer' | 'service';
  /** RFC 3339. */
  occurred_at: string;
}

export interface UpdatePaymentMethodInput extends EditPaymentMethodInput {
  change: MethodChange;
}

/** A notice, and the payment, the fraud case or the card that it is about. */
export type NoticeInput = {
  /** Also the id of the workflow that sends it. */
  notification_id: string;
  customer_id: string;
} & (
  | {
      template: PaymentNoticeTemplate;
      payment_id: string;
      case_id?: undefined;
      payment_method_id?: undefined;
    }
  | {
      template: AccountNoticeTemplate;
      case_id: string;
      payment_id?: undefined;
      payment_method_id?: undefined;
    }
  | { template: CardNoticeTemplate; payment_method_id: string; payment_id?: undefined; case_id?: undefined }
);

export type SendNoticeInput = NoticeInput & {
  /** Why it is given up without a try. */
  given_up?: string;
};

export interface RefundPaymentInput {
  payment_id: string;
  /** A person asks, also for what was given up. */
  by?: OperatorRequest;
}

/** What update `methodReady` answers. */
export interface MethodReady {
  payment_method_id: string;
  payment_method_status: PaymentMethodStatus;
  /** The customer's version after the last write, for reading it back. */
  version: number;
  /** As in `CustomerReady`. */
  request_hash: string;
}

/** What update `methodReady` of `updatePaymentMethod` answers. */
export interface MethodUpdated extends MethodReady {
  /** The gateway has not answered yet: the method is as it was, and changes once it has. */
  pending: boolean;
}

/** The signal of `followGateway`, which it is started with. */
export const GATEWAY_CHANGED = 'gatewayChanged';

/** What the gateway has changed by itself, to be read there again. `source`: who found that out, if no webhook did. */
export type GatewayChange = { event_id: string; source?: 'reconciliation' } & (
  | { changed: 'payment_method'; payment_method_id: string }
  | { changed: 'mandate'; payment_method_id: string; mandate_ref: string }
  /** `gateway_ref`: the payment of which something was given back. */
  | { changed: 'refunds'; payment_id: string; gateway_ref: string }
  /** A contested charge, or one that its card's bank calls fraud: whose it is, only the gateway knows. */
  | { changed: 'dispute' | 'fraud_warning'; dispute_ref: string; charge_ref: string }
);

export interface FollowGatewayInput {
  /** Absent for a dispute: only its charge leads to the customer. */
  customer_id?: string;
  /** What the run before this one had heard of and not read. */
  received?: GatewayChange[];
}

/** Signals of `recoverPayment`, each with its payload. */
export interface RecoverySignals {
  paymentFailed: PaymentFailed;
  paymentSettled: PaymentSettled;
  paymentMethodAdded: { event_id: string; payment_method_id: string };
  /** New details, or consent given again: tried at once like an added one. */
  paymentMethodUpdated: { event_id: string; payment_method_id: string };
  /** The customer has authenticated at the gateway. */
  paymentAuthenticated: { event_id: string; gateway_ref?: string };
  customerStatusChanged: { status: string };
  claimFreed: Record<string, never>;
  /** The customer withdrew consent where another recovery met the same method: this one ends too. */
  consentRevoked: { event_id: string };
  /** The bank knows of fraud with a method that it was to be paid with: a dispute, or an early warning. */
  fraudKnown: { event_id: string };
  /** What the gateway says of a charge later on: a webhook. */
  chargeResult: ChargeResult;
  /** Operations, with who and why. */
  pause: OperatorRequest;
  resume: OperatorRequest;
  /** `rule`: only if it is under review by that rule. */
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
  /** What a person decides about a suspicion. */
  reviewDecision: ReviewDecision;
  /** Restores the status of the case's customer, and nothing else. */
  reinstate: OperatorRequest;
}
export type FraudSignalName = keyof FraudSignals;

export interface ApplyFraudOutcomeInput {
  case_id: string;
  /** Awaits no signal: goes on from what the graph has. The sweep starts lost runs so. */
  resume?: boolean;
}

/**
 * The messages that begin or end a process, by the kind of the `AcceptedReport` that keeps them until a transaction has
 * recorded them (specification: workflows, 2).
 */
export const REPORT_SIGNALS = {
  payment_failed: 'paymentFailed',
  payment_settled: 'paymentSettled',
  charge_result: 'chargeResult',
  fraud_outcome: 'fraudOutcome',
} as const satisfies Record<string, RecoverySignalName | FraudSignalName>;
export type ReportKind = keyof typeof REPORT_SIGNALS;

/** An accepted report, by what is unique of it: others may use one event's id for reports of different kinds. */
export interface ReportId {
  kind: ReportKind;
  event_id: string;
}

/** An accepted report as its process is sent it. */
export type Report<Kind extends ReportKind = ReportKind> = {
  [K in Kind]: { kind: K; message: (RecoverySignals & FraudSignals)[(typeof REPORT_SIGNALS)[K]] };
}[Kind];

/** What a report is about: the payment whose recovery, or the fraud case whose process takes it in. */
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

export const onboardingWorkflowId = (transactionId: string) => `onboarding:${transactionId}`;
export const recoveryWorkflowId = (paymentId: string) => `recovery:${paymentId}`;
export const refundWorkflowId = (paymentId: string) => `refund:${paymentId}`;
/** Whose idempotency keys a process's commands are, for good. */
export const workflowCaller = (workflowType: string) => `workflow:${workflowType}`;
/** `keyHash`: SHA-256, in hex, of `caller|key`. */
export const paymentMethodWorkflowId = (customerId: string, keyHash: string) =>
  `payment-method:${customerId}:${keyHash}`;

/**
 * One run at a time reads a method, a mandate, the refunds of an obligation or the disputes of a charge: an older reading
 * never overwrites a newer one. A mandate that the key may not read is tried for weeks, and holds up nothing else.
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

export const fraudCaseWorkflowId = (caseId: string) => `fraud-case:${caseId}`;

/** The schedule that looks for recoveries nobody is running, and how often. */
export const OBLIGATION_SWEEP = { id: 'obligation-sweep', everyMs: 10 * 60_000 } as const;

/** The schedule that looks after cards whose month ends. Its runs begin when a day is over everywhere on earth, at noon by UTC. */
export const EXPIRY_MONITOR = {
  id: 'card-expiry-monitor',
  everyMs: 24 * 3_600_000,
  offsetMs: 12.5 * 3_600_000,
  jitterMs: 30 * 60_000,
} as const;

/** The schedule that compares the graph with the gateway, and how often. */
export const RECONCILIATION = { id: 'payment-method-reconciliation', everyMs: 24 * 60 * 60_000 } as const;

/** The schedule that forgets receipts of commands, and how often. */
export const RECEIPT_EXPIRY = { id: 'receipt-expiry', everyMs: 60 * 60_000 } as const;

export interface ReconcileInput {
  /** Only says what would be corrected. */
  dry_run?: true;
  /** Every wallet, whatever was compared of late. */
  all?: true;
  /** Where the execution before this one has got to: the workflow's own. */
  from?: unknown;
}

/** `eventId`: what Chimera deduplicates by. */
export const fraudReportWorkflowId = (eventId: string) => `fraud-report:${eventId}`;

/** The gateway's idempotency key of one attempt; `n` counts this method's attempts for this obligation over all runs, from 1. */
export const attemptKey = (paymentId: string, paymentMethodId: string, n: number) =>
  `recovery:${paymentId}:${paymentMethodId}:${n}`;
/** A success that others brought about, by the gateway's payment. */
export const settledPaymentKey = (gatewayRef: string) => `settled:${gatewayRef}`;
/** What was paid too much for a payment; the key as in `RecoveryOverpaid`. */
export const overpaymentId = (paymentId: string, key: string) => `${paymentId}/${key}`;
/** A refund at the gateway, as far as it concerns one payment. */
export const refundId = (paymentId: string, refundRef: string) => `${paymentId}/${refundRef}`;
/** The key of a failure that others report. */
export const reportedAttemptKey = (eventId: string) => `reported:${eventId}`;
/** `openedAt` in epoch milliseconds: new at each reopening, so that a second recovery may write again. */
export const recoveryNotificationId = (paymentId: string, openedAt: number, template: string, stage = '1') =>
  `recovery:${paymentId}:${openedAt}:${template}:${stage}`;
/** A case writes to its customer once. */
export const suspensionNotificationId = (caseId: string) => `fraud:${caseId}:account_suspended:1`;
/** Of a card, the month in which it ends (`YYYY-MM`) and a stage. */
export const expiryNotificationId = (paymentMethodId: string, month: string, stage: ExpiryStage) =>
  `expiry:${paymentMethodId}:${month}:${stage === 'card_expired' ? 'card_expired:1' : `card_expiring:${stage}`}`;
/** The template of a recovery's notification: payment ids have no colon. */
export const templateOf = (notificationId: string) => notificationId.split(':')[3] as PaymentNoticeTemplate;
/** Tells the notices about refunds from those about endings. */
export const isRefundNotice = (notificationId: string) => templateOf(notificationId) === 'refund_issued';
