/** Starts, queries and signals workflows. The only place that chooses Temporal's workflow id policies. */

import { createHash } from 'node:crypto';
import {
  type Client,
  WithStartWorkflowOperation,
  type WorkflowStartOptions,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defineSearchAttributeKey, type Workflow } from '@temporalio/common';
import { parseContestId } from '../domain/contests.ts';
import {
  type AddPaymentMethodInput,
  CONTEST_DECISION,
  contestWorkflowId,
  type CustomerReady,
  type EraseCustomerInput,
  erasureWorkflowId,
  EXPIRY_MONITOR,
  type ChangePaymentMethodInput,
  type FraudSignalName,
  type FraudSignals,
  fraudCaseWorkflowId,
  followGatewayWorkflowId,
  GATEWAY_CHANGED,
  type GatewayChange,
  type MethodReady,
  type MethodUpdated,
  type OnboardCustomerInput,
  onboardingWorkflowId,
  OUTBOX_RELAY_ID,
  paymentMethodWorkflowId,
  QueryName,
  REPORT_SIGNALS,
  SearchAttribute,
  type Report,
  type RecoverySignalName,
  type RecoverySignals,
  recoveryWorkflowId,
  refundWorkflowId,
  type SendNoticeInput,
  TaskQueue,
  type TaskQueueName,
  UpdateName,
  type UpdatePaymentMethodInput,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import type { RecoveryStatus } from '../domain/recovery/status.ts';
import { toPersonaError } from './failures.ts';

/**
 * Joins the running execution or starts a new one, even after an earlier one has ended: the graph's records (receipts,
 * closed obligations) decide whether anything is left to do, not Temporal's retention.
 */
const USE_EXISTING_OR_START = {
  workflowIdConflictPolicy: 'USE_EXISTING',
  workflowIdReusePolicy: 'ALLOW_DUPLICATE',
} as const;

const CUSTOMER_ID = defineSearchAttributeKey(SearchAttribute.customerId, 'KEYWORD');

/** From its start on: an execution that ends before it shows anything is found by its customer's erasure as well. */
const ofCustomer = (customerId: string | undefined) =>
  customerId === undefined ? {} : { typedSearchAttributes: [{ key: CUSTOMER_ID, value: customerId }] };

interface WaitOptions {
  /** When the caller stops waiting; the process continues. */
  readonly deadline: Date;
}

/**
 * Onboards a customer and waits for `customerReady`. The result may belong to an earlier request with the same
 * transaction id: compare its `request_hash`.
 *
 * @throws PersonaError the process's refusal; temporal_unavailable, deadline_exceeded
 */
export function onboardCustomer(
  client: Client,
  input: OnboardCustomerInput,
  options: WaitOptions,
): Promise<CustomerReady> {
  const { transaction_id } = input.request;
  return updateWithStart(client, options, {
    workflow: WorkflowName.onboardCustomer,
    workflowId: onboardingWorkflowId(transaction_id),
    queue: TaskQueue.onboarding,
    input,
    customerId: input.request.customer_id,
    update: UpdateName.customerReady,
    updateId: transaction_id,
    summary: `Onboards the customer of transaction ${transaction_id}`,
  });
}

/** For background work that no request waits for. */
const LOWEST_PRIORITY = { priorityKey: 5 } as const;

/**
 * Starts or joins the same process without waiting for its result.
 *
 * @throws PersonaError temporal_unavailable
 */
export async function startOnboarding(client: Client, input: OnboardCustomerInput): Promise<void> {
  const { transaction_id } = input.request;
  try {
    await client.workflow.start(WorkflowName.onboardCustomer, {
      ...USE_EXISTING_OR_START,
      workflowId: onboardingWorkflowId(transaction_id),
      taskQueue: TaskQueue.onboarding,
      args: [input],
      staticSummary: `Onboards the customer of transaction ${transaction_id}`,
      priority: LOWEST_PRIORITY,
      ...ofCustomer(input.request.customer_id),
    });
  } catch (error) {
    throw toPersonaError(error);
  }
}

/**
 * Adds a payment method and waits for `methodReady`. The result may belong to an earlier request with the same
 * idempotency key: compare its `request_hash`.
 *
 * @throws PersonaError the process's refusal; temporal_unavailable, deadline_exceeded
 */
export function addPaymentMethod(
  client: Client,
  input: AddPaymentMethodInput,
  options: WaitOptions,
): Promise<MethodReady> {
  const { customer_id } = input;
  return updateMethodWithStart(client, options, {
    workflow: WorkflowName.addPaymentMethod,
    input,
    summary: `Adds a payment method of customer ${customer_id}`,
  });
}

/**
 * Changes a payment method and waits for `methodReady`, like `addPaymentMethod`.
 *
 * @throws PersonaError the process's refusal; temporal_unavailable, deadline_exceeded
 */
export function updatePaymentMethod(
  client: Client,
  input: UpdatePaymentMethodInput,
  options: WaitOptions,
): Promise<MethodUpdated> {
  const { payment_method_id, customer_id } = input;
  return updateMethodWithStart(client, options, {
    workflow: WorkflowName.updatePaymentMethod,
    input,
    summary: `Changes payment method ${payment_method_id} of customer ${customer_id}`,
  });
}

/**
 * Removes a payment method and waits for `methodReady`, like `addPaymentMethod`.
 *
 * @throws PersonaError the process's refusal; temporal_unavailable, deadline_exceeded
 */
export function removePaymentMethod(
  client: Client,
  input: ChangePaymentMethodInput,
  options: WaitOptions,
): Promise<MethodReady> {
  const { payment_method_id, customer_id } = input;
  return updateMethodWithStart(client, options, {
    workflow: WorkflowName.removePaymentMethod,
    input,
    summary: `Removes payment method ${payment_method_id} of customer ${customer_id}`,
  });
}

/** One idempotency key of a customer is one request: adding, changing and removing share the workflow id. */
function updateMethodWithStart<T>(
  client: Client,
  options: WaitOptions,
  request: {
    workflow: string;
    input: { customer_id: string; caller: string; idempotency_key: string };
    summary: string;
  },
): Promise<T> {
  const { customer_id, caller, idempotency_key } = request.input;
  const keyHash = createHash('sha256').update(`${caller}|${idempotency_key}`).digest('hex');
  return updateWithStart(client, options, {
    ...request,
    workflowId: paymentMethodWorkflowId(customer_id, keyHash),
    queue: TaskQueue.onboarding,
    customerId: customer_id,
    update: UpdateName.methodReady,
    updateId: keyHash,
  });
}

/**
 * Signals the recovery of a payment, and starts it if none is running.
 *
 * @returns the workflow's id
 * @throws PersonaError temporal_unavailable
 */
export async function signalWithStartRecovery<
  Name extends 'paymentFailed' | 'paymentSettled' | 'chargeResult',
>(client: Client, signal: Name, payload: RecoverySignals[Name]): Promise<string> {
  const { payment_id } = payload;
  const workflowId = recoveryWorkflowId(payment_id);
  try {
    await client.workflow.signalWithStart(WorkflowName.recoverPayment, {
      ...USE_EXISTING_OR_START,
      workflowId,
      taskQueue: TaskQueue.recovery,
      args: [{ payment_id }],
      signal,
      signalArgs: [payload],
      staticSummary: `Recovers payment ${payment_id}`,
      ...ofCustomer('customer_id' in payload ? payload.customer_id : undefined),
    });
  } catch (error) {
    throw toPersonaError(error);
  }
  return workflowId;
}

/**
 * Sends an accepted report to its process, which it starts if none is running.
 *
 * @returns the workflow's id
 * @throws PersonaError temporal_unavailable
 */
export function sendReport(client: Client, report: Report): Promise<string> {
  if (report.kind === 'fraud_outcome') {
    const { message } = report;
    return signalWithStartFraudCase(client, message.case_id, REPORT_SIGNALS[report.kind], message);
  }
  const { kind, message } = report;
  // `Report` guarantees that the message is of its kind.
  return signalWithStartRecovery(client, REPORT_SIGNALS[kind] as 'paymentFailed', message as PaymentFailed);
}

/**
 * Signals the process of a fraud case, and starts it if none is running.
 *
 * @returns the workflow's id
 * @throws PersonaError temporal_unavailable
 */
export async function signalWithStartFraudCase<Name extends FraudSignalName>(
  client: Client,
  caseId: string,
  signal: Name,
  payload: FraudSignals[Name],
): Promise<string> {
  const workflowId = fraudCaseWorkflowId(caseId);
  try {
    await client.workflow.signalWithStart(WorkflowName.applyFraudOutcome, {
      ...USE_EXISTING_OR_START,
      workflowId,
      taskQueue: TaskQueue.fraud,
      args: [{ case_id: caseId }],
      signal,
      signalArgs: [payload],
      staticSummary: `Fraud case ${caseId}`,
      ...ofCustomer('customer_id' in payload ? payload.customer_id : undefined),
    });
  } catch (error) {
    throw toPersonaError(error);
  }
  return workflowId;
}

/**
 * Has a gateway update read at the gateway and recorded; a run that already reads the same object reads it again.
 *
 * @throws PersonaError temporal_unavailable
 */
export async function followGateway(
  client: Client,
  customerId: string | undefined,
  change: GatewayChange,
  queue: TaskQueueName = TaskQueue.maintenance,
): Promise<void> {
  try {
    await client.workflow.signalWithStart(WorkflowName.followGateway, {
      ...USE_EXISTING_OR_START,
      workflowId: followGatewayWorkflowId(change),
      taskQueue: queue,
      args: [customerId === undefined ? {} : { customer_id: customerId }],
      signal: GATEWAY_CHANGED,
      signalArgs: [change],
      staticSummary: `Follows a gateway update of ${customerId ? `customer ${customerId}` : change.changed}`,
      ...ofCustomer(customerId),
    });
  } catch (error) {
    throw toPersonaError(error);
  }
}

/**
 * Restarts the recovery of a payment from its state in the graph, unless one is running.
 *
 * @returns whether one was started
 * @throws PersonaError temporal_unavailable
 */
export async function resumeRecovery(client: Client, paymentId: string): Promise<boolean> {
  return startUnlessRunning(client, WorkflowName.recoverPayment, {
    workflowId: recoveryWorkflowId(paymentId),
    args: [{ payment_id: paymentId, resume: true }],
    staticSummary: `Recovers payment ${paymentId} (restarted)`,
  });
}

/**
 * Restarts the process of a fraud case from its state in the graph, unless one is running.
 *
 * @returns whether one was started
 * @throws PersonaError temporal_unavailable
 */
export async function resumeFraudCase(client: Client, caseId: string): Promise<boolean> {
  return startUnlessRunning(client, WorkflowName.applyFraudOutcome, {
    workflowId: fraudCaseWorkflowId(caseId),
    args: [{ case_id: caseId, resume: true }],
    staticSummary: `Fraud case ${caseId} (restarted)`,
    taskQueue: TaskQueue.fraud,
  });
}

/**
 * Starts the process of a contest, unless it is running; its state is in the graph.
 *
 * @returns whether it was started
 * @throws PersonaError temporal_unavailable
 */
export async function startContest(client: Client, contestId: string): Promise<boolean> {
  return startUnlessRunning(client, WorkflowName.reviewContest, {
    workflowId: contestWorkflowId(contestId),
    args: [{ contest_id: contestId }],
    ...ofCustomer(parseContestId(contestId)?.customer_id),
    staticSummary: `Contest ${contestId}`,
    taskQueue: TaskQueue.maintenance,
  });
}

/**
 * Sends an operator's decision to the process of a contest, and starts it if none is running.
 *
 * @returns the workflow's id
 * @throws PersonaError temporal_unavailable
 */
export async function decideContest(client: Client, contestId: string, decision: unknown): Promise<string> {
  const workflowId = contestWorkflowId(contestId);
  try {
    await client.workflow.signalWithStart(WorkflowName.reviewContest, {
      ...USE_EXISTING_OR_START,
      workflowId,
      taskQueue: TaskQueue.maintenance,
      args: [{ contest_id: contestId }],
      ...ofCustomer(parseContestId(contestId)?.customer_id),
      signal: CONTEST_DECISION,
      signalArgs: [decision],
      staticSummary: `Contest ${contestId}`,
    });
  } catch (error) {
    throw toPersonaError(error);
  }
  return workflowId;
}

/**
 * Starts the due refunds of a payment, unless a run is already in progress.
 *
 * @returns whether it was started
 * @throws PersonaError temporal_unavailable
 */
export async function startRefund(client: Client, paymentId: string): Promise<boolean> {
  return startUnlessRunning(client, WorkflowName.refundPayment, {
    workflowId: refundWorkflowId(paymentId),
    args: [{ payment_id: paymentId }],
    staticSummary: `Refunds the overpayment of payment ${paymentId}`,
  });
}

/**
 * Starts sending a notice that no process is sending (any more), unless a run is in progress. A sent notice is not sent
 * again.
 *
 * @returns whether it was started
 * @throws PersonaError temporal_unavailable
 */
export async function startNotice(client: Client, input: SendNoticeInput): Promise<boolean> {
  return startUnlessRunning(client, WorkflowName.sendNotice, {
    workflowId: input.notification_id,
    args: [input],
    staticSummary: `Notifies customer ${input.customer_id}`,
    ...ofCustomer(input.customer_id),
    // All cards of a month expire on the same day: their notices must not delay recoveries.
    ...(input.payment_method_id !== undefined && { taskQueue: TaskQueue.expiry, priority: LOWEST_PRIORITY }),
  });
}

/**
 * Starts the process of an erasure, unless it runs.
 *
 * @returns whether it was started
 * @throws PersonaError temporal_unavailable
 */
export async function startErasure(client: Client, erasureId: string): Promise<boolean> {
  const input: EraseCustomerInput = { erasure_id: erasureId };
  return startUnlessRunning(client, WorkflowName.eraseCustomer, {
    workflowId: erasureWorkflowId(erasureId),
    args: [input],
    staticSummary: 'Erases a customer',
    taskQueue: TaskQueue.maintenance,
  });
}

/**
 * Starts a run of the expiry monitor outside its schedule, or joins one that was started this way and is still running.
 *
 * @returns the workflow's id, and `result`, which waits for its end
 * @throws PersonaError temporal_unavailable
 */
export async function runExpiryMonitor<Result>(
  client: Client,
): Promise<{ workflow_id: string; result: () => Promise<Result> }> {
  const workflow_id = `${EXPIRY_MONITOR.id}:now`;
  try {
    const handle = await client.workflow.start(WorkflowName.monitorExpiringCards, {
      ...USE_EXISTING_OR_START,
      workflowId: workflow_id,
      taskQueue: TaskQueue.expiry,
      staticSummary: 'Checks expiring cards, started by an operator',
    });
    return {
      workflow_id,
      result: () =>
        handle.result().catch((error: unknown) => {
          throw toPersonaError(error);
        }),
    };
  } catch (error) {
    throw toPersonaError(error);
  }
}

async function startUnlessRunning(
  client: Client,
  workflow: string,
  run: Pick<
    WorkflowStartOptions,
    'workflowId' | 'args' | 'staticSummary' | 'priority' | 'typedSearchAttributes'
  > & {
    /** Default: the queue of recoveries. */
    taskQueue?: TaskQueueName;
  },
): Promise<boolean> {
  try {
    await client.workflow.start(workflow, {
      taskQueue: TaskQueue.recovery,
      ...run,
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw toPersonaError(error);
  }
}

/**
 * Signals recoveries that may be open; ignores those that are not running.
 *
 * @throws PersonaError temporal_unavailable
 */
export async function signalRecoveries<Name extends RecoverySignalName>(
  client: Client,
  paymentIds: readonly string[],
  signal: Name,
  payload: RecoverySignals[Name],
): Promise<void> {
  await Promise.all(
    paymentIds.map(async (paymentId) => {
      try {
        await client.workflow.getHandle(recoveryWorkflowId(paymentId)).signal(signal, payload);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw toPersonaError(error);
      }
    }),
  );
}

/** A waiting recovery answers a query within milliseconds; after this, its status is omitted. */
const STATUS_TIMEOUT_MS = 1_500;

/**
 * The status of a running recovery, including what it waits for and its next step, which the graph does not have.
 * `undefined`: none is running, or no worker responds.
 */
export async function queryRecovery(client: Client, paymentId: string): Promise<RecoveryStatus | undefined> {
  try {
    const status = await client.withDeadline(Date.now() + STATUS_TIMEOUT_MS, () =>
      client.workflow
        .getHandle(recoveryWorkflowId(paymentId))
        .query<Partial<RecoveryStatus>>(QueryName.status),
    );
    // Until the failure is recorded, the run knows only its payment.
    return status.customer_id === undefined ? undefined : (status as RecoveryStatus);
  } catch {
    return undefined;
  }
}

async function updateWithStart<T>(
  client: Client,
  { deadline }: WaitOptions,
  request: {
    workflow: string;
    workflowId: string;
    queue: TaskQueueName;
    input: unknown;
    customerId: string | undefined;
    update: string;
    /** Deduplicates repeats of the update. */
    updateId: string;
    summary: string;
  },
): Promise<T> {
  const { workflow, workflowId, queue, input, customerId, update, updateId, summary } = request;
  const startWorkflowOperation = new WithStartWorkflowOperation(workflow, {
    ...USE_EXISTING_OR_START,
    workflowId,
    taskQueue: queue,
    args: [input],
    staticSummary: summary,
    ...ofCustomer(customerId),
  });
  try {
    return await client.withDeadline(deadline, () =>
      client.workflow.executeUpdateWithStart<Workflow, T, []>(update, { updateId, startWorkflowOperation }),
    );
  } catch (error) {
    throw toPersonaError(error);
  }
}

/**
 * Starts the relay of the log's events to Kafka unless it runs.
 *
 * @throws PersonaError temporal_unavailable
 */
export async function ensureRelay(client: Client): Promise<void> {
  try {
    await client.workflow.start(WorkflowName.relayOutbox, {
      ...USE_EXISTING_OR_START,
      workflowId: OUTBOX_RELAY_ID,
      taskQueue: TaskQueue.relay,
      args: [],
      staticSummary: "Publishes the log's events to Kafka",
    });
  } catch (error) {
    throw toPersonaError(error);
  }
}
