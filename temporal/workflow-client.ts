/** Starting, asking and signalling the processes. Which of Temporal's id policies applies is named here once, by intent. */

import { createHash } from 'node:crypto';
import {
  type Client,
  WithStartWorkflowOperation,
  type WorkflowStartOptions,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import {
  type AddPaymentMethodInput,
  type CustomerReady,
  EXPIRY_MONITOR,
  type EditPaymentMethodInput,
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
  paymentMethodWorkflowId,
  QueryName,
  REPORT_SIGNALS,
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
 * Join the running execution, or begin a new one, also where an earlier one has ended: what the graph remembers
 * (receipts, closed obligations) decides whether anything still happens, never Temporal's retention.
 */
const USE_EXISTING_OR_START = {
  workflowIdConflictPolicy: 'USE_EXISTING',
  workflowIdReusePolicy: 'ALLOW_DUPLICATE',
} as const;

interface WaitOptions {
  /** When the caller stops waiting; the process goes on all the same. */
  readonly deadline: Date;
}

/**
 * Onboards a customer and waits for `customerReady`. The answer may belong to an earlier request with the same
 * transaction id: compare its `request_hash`.
 *
 * @throws PersonaError what the process refuses; temporal_unavailable, deadline_exceeded
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
    update: UpdateName.customerReady,
    updateId: transaction_id,
    summary: `Onboards the customer of transaction ${transaction_id}`,
  });
}

/** What nobody waits for lets everything else go first. */
const LOWEST_PRIORITY = { priorityKey: 5 } as const;

/**
 * Begins the same process, or joins it, and waits for nothing.
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
    });
  } catch (error) {
    throw toPersonaError(error);
  }
}

/**
 * Adds a payment method and waits for `methodReady`. The answer may belong to an earlier request under the same
 * idempotency key: compare its `request_hash`.
 *
 * @throws PersonaError what the process refuses; temporal_unavailable, deadline_exceeded
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
 * @throws PersonaError what the process refuses; temporal_unavailable, deadline_exceeded
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
 * @throws PersonaError what the process refuses; temporal_unavailable, deadline_exceeded
 */
export function removePaymentMethod(
  client: Client,
  input: EditPaymentMethodInput,
  options: WaitOptions,
): Promise<MethodReady> {
  const { payment_method_id, customer_id } = input;
  return updateMethodWithStart(client, options, {
    workflow: WorkflowName.removePaymentMethod,
    input,
    summary: `Removes payment method ${payment_method_id} of customer ${customer_id}`,
  });
}

/** One key of a customer's is one request, whatever it asks for: all of them share their ids. */
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
    update: UpdateName.methodReady,
    updateId: keyHash,
  });
}

/**
 * Hands a message to the recovery of a payment, which begins with it if none is running.
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
    });
  } catch (error) {
    throw toPersonaError(error);
  }
  return workflowId;
}

/**
 * The same for a message that was accepted, by its kind.
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
  // The kind says which message it is; that they fit, `Report` has checked.
  return signalWithStartRecovery(client, REPORT_SIGNALS[kind] as 'paymentFailed', message as PaymentFailed);
}

/**
 * Hands a message to the process of a fraud case, which begins with it if none is running.
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
    });
  } catch (error) {
    throw toPersonaError(error);
  }
  return workflowId;
}

/**
 * Has something of a customer's read at the gateway, and what it finds written down; a run that reads the same thing
 * already reads it once more.
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
      staticSummary: `Follows what the gateway changed of ${customerId ? `customer ${customerId}` : change.changed}`,
    });
  } catch (error) {
    throw toPersonaError(error);
  }
}

/**
 * Starts the recovery of a payment again, from what the graph has, unless one runs.
 *
 * @returns whether one was started
 * @throws PersonaError temporal_unavailable
 */
export async function resumeRecovery(client: Client, paymentId: string): Promise<boolean> {
  return startUnlessRunning(client, WorkflowName.recoverPayment, {
    workflowId: recoveryWorkflowId(paymentId),
    args: [{ payment_id: paymentId, resume: true }],
    staticSummary: `Recovers payment ${paymentId}, taken up again`,
  });
}

/**
 * Starts the process of a fraud case again, from what the graph has, unless one runs.
 *
 * @returns whether one was started
 * @throws PersonaError temporal_unavailable
 */
export async function resumeFraudCase(client: Client, caseId: string): Promise<boolean> {
  return startUnlessRunning(client, WorkflowName.applyFraudOutcome, {
    workflowId: fraudCaseWorkflowId(caseId),
    args: [{ case_id: caseId, resume: true }],
    staticSummary: `Fraud case ${caseId}, taken up again`,
    taskQueue: TaskQueue.fraud,
  });
}

/**
 * Starts to give back what is due of a payment, unless that is under way.
 *
 * @returns whether it was started
 * @throws PersonaError temporal_unavailable
 */
export async function startRefund(client: Client, paymentId: string): Promise<boolean> {
  return startUnlessRunning(client, WorkflowName.refundPayment, {
    workflowId: refundWorkflowId(paymentId),
    args: [{ payment_id: paymentId }],
    staticSummary: `Gives back what was paid twice of payment ${paymentId}`,
  });
}

/**
 * Starts the sending of a notice that no process sends (any more), unless it runs: what is sent already is not sent again.
 *
 * @returns whether it was started
 * @throws PersonaError temporal_unavailable
 */
export async function startNotice(client: Client, input: SendNoticeInput): Promise<boolean> {
  return startUnlessRunning(client, WorkflowName.sendNotice, {
    workflowId: input.notification_id,
    args: [input],
    staticSummary: `Writes to customer ${input.customer_id}`,
    // A month's cards end together: what is written about them must not keep recoveries waiting.
    ...(input.payment_method_id !== undefined && { taskQueue: TaskQueue.expiry, priority: LOWEST_PRIORITY }),
  });
}

/**
 * Starts a run of the expiry monitor beside its schedule, or joins the one that was started like this before.
 *
 * @returns the workflow's id, and `result`: waits for its end
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
      staticSummary: 'Looks at the cards whose month ends, asked for by a person',
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
  run: Pick<WorkflowStartOptions, 'workflowId' | 'args' | 'staticSummary' | 'priority'> & {
    /** Default: that of recoveries. */
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
 * Tells recoveries that may be open; where none runs, nobody needs to know.
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

/** A waiting recovery answers a query in milliseconds; one that does not is left out. */
const STATUS_TIMEOUT_MS = 1_500;

/**
 * What the running recovery of a payment says of itself: also what it waits for and does next, which the graph does
 * not know. `undefined`: none is running, or no worker answers now.
 */
export async function queryRecovery(client: Client, paymentId: string): Promise<RecoveryStatus | undefined> {
  try {
    const status = await client.withDeadline(Date.now() + STATUS_TIMEOUT_MS, () =>
      client.workflow
        .getHandle(recoveryWorkflowId(paymentId))
        .query<Partial<RecoveryStatus>>(QueryName.status),
    );
    // Before the failure is written down, the run knows no more than its payment.
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
    update: string;
    /** A repeat of the update, however often it is sent, is the same update. */
    updateId: string;
    summary: string;
  },
): Promise<T> {
  const { workflow, workflowId, queue, input, update, updateId, summary } = request;
  const startWorkflowOperation = new WithStartWorkflowOperation(workflow, {
    ...USE_EXISTING_OR_START,
    workflowId,
    taskQueue: queue,
    args: [input],
    staticSummary: summary,
  });
  try {
    return await client.withDeadline(deadline, () =>
      client.workflow.executeUpdateWithStart<Workflow, T, []>(update, { updateId, startWorkflowOperation }),
    );
  } catch (error) {
    throw toPersonaError(error);
  }
}
