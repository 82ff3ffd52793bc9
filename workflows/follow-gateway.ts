/**
 * Reads and records gateway updates (a reissued card, a detached method, an ended mandate, a refund, a dispute). One run
 * at a time per method, per mandate, per obligation and per contested charge, so that reads keep their order.
 */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityCancellationType,
  ActivityFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  log,
  ParentClosePolicy,
  patched,
  proxyActivities,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { SuspectedFraud } from '../domain/ports.ts';
import {
  CUSTOMER_GONE,
  type FollowGatewayInput,
  fraudReportWorkflowId,
  GATEWAY_CHANGED,
  type GatewayChange,
  TaskQueue,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { isCustomerUnknown } from './answer.ts';
import { reportFraud } from './report-fraud.ts';
import { ofCustomer, show } from './visibility.ts';

export interface FollowGatewayResult {
  /** The outcomes of the latest updates, in the order in which they were received. */
  outcomes: FollowOutcome[];
}

/**
 * - `unknown`: the gateway does not have the object.
 * - `detached`: at the gateway, because it had been removed here.
 * - `verified`: a new method whose own run was lost, whatever the result.
 * - `ignored`: the method is in no wallet.
 * - `customer_gone`: the customer is unknown, because they were erased.
 * - `given_up`: never read, or never recorded.
 */
export type FollowOutcome =
  | 'unchanged'
  | 'unknown'
  | 'updated'
  | 'removed'
  | 'detached'
  | 'verified'
  | 'consent_withdrawn'
  | 'refund_recorded'
  | 'refund_failed'
  | 'disputed'
  | 'dispute_over'
  | 'compromised'
  | 'ignored'
  | typeof CUSTOMER_GONE
  | 'given_up';

type ChangeOf<C extends GatewayChange['changed']> = Extract<GatewayChange, { changed: C }> & {
  customer_id: string;
};

/** A contested charge. */
export type DisputeChange = Extract<GatewayChange, { dispute_ref: string }>;

export interface FollowActivities {
  /**
   * Reads the method, records newer details, and signals the customer's open recoveries. A method that is no longer
   * attached, or attached to another customer, leaves the wallet; one that was removed here but is still attached is
   * detached; a change of its date or a verification whose run was lost is completed.
   */
  followPaymentMethod(input: ChangeOf<'payment_method'>): Promise<FollowOutcome>;
  /** Reads the mandate. If it has ended, its method must no longer be charged off-session. */
  followMandate(input: ChangeOf<'mandate'>): Promise<FollowOutcome>;
  /** Reads the refunds of a payment, and records failed ones and those that others made. */
  followRefunds(input: ChangeOf<'refunds'>): Promise<FollowOutcome>;
  /**
   * Reads a dispute or an early fraud warning, and records its consequences for each holder of the card. `reports`: for
   * Chimera.
   */
  followDispute(input: DisputeChange): Promise<{ outcome: FollowOutcome; reports: SuspectedFraud[] }>;
}

export const gatewayChangedSignal = defineSignal<[GatewayChange]>(GATEWAY_CHANGED);

const activities = proxyActivities<FollowActivities>({
  // One or two calls of at most ten seconds, rarely four; one transaction, rarely two; a few signals.
  startToCloseTimeout: '1m',
  // The gateway notifies only once: an outage of the gateway or the graph must not lose the update.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10m' },
  // The next run reads the same object: a read in progress must end first.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Far below Temporal's limit for a run's events, signals included. */
const MAX_HISTORY_LENGTH = 2_000;
/** The number of latest outcomes in the result. */
const MAX_OUTCOMES = 100;

/** Continues as new when its history has grown, including during a gateway outage, when only signals arrive. */
export async function followGateway(input: FollowGatewayInput): Promise<FollowGatewayResult> {
  const { customer_id } = input;
  const received: GatewayChange[] = [...(input.received ?? [])];
  // Runs synchronously for the signal that the run was started with.
  setHandler(gatewayChangedSignal, (change: unknown) => {
    if (isChange(change)) received.push(change);
    else log.warn('invalid gatewayChanged ignored');
  });
  const outcomes: FollowOutcome[] = [];
  for (let change = received.shift(); change !== undefined; change = received.shift()) {
    const outcome = await follow(customer_id, change);
    if (outcome === undefined) received.unshift(change);
    else outcomes.push(outcome);
    if (outcomes.length > MAX_OUTCOMES) outcomes.shift();
    if (received.length > 0 && isHistoryLong()) {
      await continueAsNew<typeof followGateway>({ ...input, received: uniqueChanges(received) });
    }
  }
  const outcome = outcomes.at(-1) ?? 'unchanged';
  show(
    {
      process: WorkflowName.followGateway,
      ...(customer_id !== undefined && { customerId: customer_id }),
      state: 'done',
      outcome,
    },
    `Gateway updates processed: ${outcomes.join(', ')}`,
  );
  return { outcomes };
}

function isHistoryLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return (continueAsNewSuggested || historyLength >= MAX_HISTORY_LENGTH) && patched('continues-as-new');
}

/** Keeps one update per object: however many events name it, it is read once. */
function uniqueChanges(changes: readonly GatewayChange[]): GatewayChange[] {
  const first = new Map<string, GatewayChange>();
  for (const change of changes) {
    const subject = JSON.stringify({ ...change, event_id: '' });
    if (!first.has(subject)) first.set(subject, change);
  }
  return [...first.values()];
}

/**
 * Runs an activity, and cancels it if the history grows too long meanwhile.
 * @returns `undefined`: the next run must start it again
 */
async function unlessHistoryLong<T>(work: () => Promise<T>): Promise<T | undefined> {
  const scope = new CancellationScope();
  const running = scope.run(work);
  let ended = false;
  const markEnded = () => {
    ended = true;
  };
  void running.then(markEnded, markEnded);
  await condition(() => ended || isHistoryLong());
  if (ended) return await running;
  scope.cancel();
  try {
    return await running;
  } catch (error) {
    // Cancelled, or its last attempt failed: either way this run does not retry it.
    if (error instanceof ActivityFailure) return undefined;
    throw error;
  }
}

/** @returns `undefined`: the next run must read it */
async function follow(
  customer_id: string | undefined,
  change: GatewayChange,
): Promise<FollowOutcome | undefined> {
  try {
    const outcome = await read(customer_id, change);
    if (outcome === 'refund_failed')
      log.error('refund failed at the gateway: due refunds are tried again', logFields(change));
    if (outcome === 'unknown') log.warn('gateway update names an unknown object', logFields(change));
    return outcome;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    // Erased meanwhile: the gateway announces what the erasure has deleted there.
    if (isCustomerUnknown(error.cause)) return CUSTOMER_GONE;
    log.error('gateway update given up', {
      ...logFields(change),
      reason: error.cause?.message,
    });
    return 'given_up';
  }
}

async function read(
  customer_id: string | undefined,
  change: GatewayChange,
): Promise<FollowOutcome | undefined> {
  if ('dispute_ref' in change) return readDispute(change);
  if (customer_id === undefined) return 'ignored';
  switch (change.changed) {
    case 'payment_method':
      return unlessHistoryLong(() => activities.followPaymentMethod({ ...change, customer_id }));
    case 'mandate':
      return unlessHistoryLong(() => activities.followMandate({ ...change, customer_id }));
    case 'refunds':
      return unlessHistoryLong(() => activities.followRefunds({ ...change, customer_id }));
  }
}

async function readDispute(change: DisputeChange): Promise<FollowOutcome | undefined> {
  const followed = await unlessHistoryLong(() => activities.followDispute(change));
  // Outside that scope: findings are reported however long the history is.
  for (const report of followed?.reports ?? []) await reportInBackground(report);
  return followed?.outcome;
}

/** Chimera may be unavailable for days, and gets one report per suspicion. */
async function reportInBackground(report: SuspectedFraud): Promise<void> {
  try {
    await startChild(reportFraud, {
      workflowId: fraudReportWorkflowId(report.event_id),
      // The activities of `reportFraud` are only on this queue.
      taskQueue: TaskQueue.recovery,
      args: [report],
      ...ofCustomer(report.customer_id),
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

const REQUIRED_FIELDS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['payment_method', ['event_id', 'payment_method_id']],
  ['mandate', ['event_id', 'payment_method_id', 'mandate_ref']],
  ['refunds', ['event_id', 'payment_id', 'gateway_ref']],
  ['dispute', ['event_id', 'dispute_ref', 'charge_ref']],
  ['fraud_warning', ['event_id', 'dispute_ref', 'charge_ref']],
] satisfies [GatewayChange['changed'], string[]][]);

/** Any Temporal client may signal the workflow, with any payload. */
function isChange(payload: unknown): payload is GatewayChange {
  if (typeof payload !== 'object' || payload === null) return false;
  const given: Readonly<Record<string, unknown>> = { ...payload };
  return REQUIRED_FIELDS.get(given.changed)?.every((field) => typeof given[field] === 'string') === true;
}

function logFields({ event_id, changed: _, ...ids }: GatewayChange): Record<string, string> {
  return { event_id, ...ids };
}
