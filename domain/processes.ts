/** Names, queues and ids of the durable processes. They are contracts: other agents use them with their own Temporal clients. */

import type { PaymentFailed, PaymentSettled } from './recovery/messages.ts';

export const TaskQueue = {
  onboarding: 'persona-onboarding',
  recovery: 'persona-recovery',
  gateway: 'persona-gateway',
} as const;
export type TaskQueueName = (typeof TaskQueue)[keyof typeof TaskQueue];

export const WorkflowName = {
  onboardCustomer: 'onboardCustomer',
  addPaymentMethod: 'addPaymentMethod',
  recoverPayment: 'recoverPayment',
  sendNotice: 'sendNotice',
  reportFraud: 'reportFraud',
} as const;

export const UpdateName = { customerReady: 'customerReady', methodReady: 'methodReady' } as const;
export const QueryName = { status: 'status' } as const;

/** Signals of `recoverPayment`, each with its payload. */
export interface RecoverySignals {
  paymentFailed: PaymentFailed;
  paymentSettled: PaymentSettled;
  paymentMethodAdded: { event_id: string; payment_method_id: string };
  claimFreed: Record<string, never>;
}
export type RecoverySignalName = keyof RecoverySignals;

/** Search attributes, all of type Keyword; they hold ids and states, never personal data. */
export const SearchAttribute = {
  customerId: 'PersonaCustomerId',
  process: 'PersonaProcess',
  state: 'PersonaState',
  outcome: 'PersonaOutcome',
} as const;

export const onboardingWorkflowId = (transactionId: string) => `onboarding:${transactionId}`;
export const recoveryWorkflowId = (paymentId: string) => `recovery:${paymentId}`;
/** `keyHash`: SHA-256, in hex, of `caller|key`. */
export const paymentMethodWorkflowId = (customerId: string, keyHash: string) =>
  `payment-method:${customerId}:${keyHash}`;

/** `eventId`: what Chimera deduplicates by. */
export const fraudReportWorkflowId = (eventId: string) => `fraud-report:${eventId}`;

/** The gateway's idempotency key of one attempt; `n` counts this method's attempts for this obligation over all runs, from 1. */
export const attemptKey = (paymentId: string, paymentMethodId: string, n: number) =>
  `recovery:${paymentId}:${paymentMethodId}:${n}`;
/** The key of a failure that others report. */
export const reportedAttemptKey = (eventId: string) => `reported:${eventId}`;
/** `openedAt` in epoch milliseconds: new at each reopening, so that a second recovery may write again. */
export const recoveryNotificationId = (paymentId: string, openedAt: number, template: string, stage = '1') =>
  `recovery:${paymentId}:${openedAt}:${template}:${stage}`;
