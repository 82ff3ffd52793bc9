/**
 * What the gateway changes by itself (a reissued card, a method that was detached, a mandate that ended, a refund, a
 * dispute) is read there and written down. One run at a time per method, per obligation and per contested charge, so
 * that readings keep their order.
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
  type FollowGatewayInput,
  fraudReportWorkflowId,
  GATEWAY_CHANGED,
  type GatewayChange,
  TaskQueue,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import { reportFraud } from './report-fraud.ts';
import { show } from './visibility.ts';

export interface FollowGatewayResult {
  /** What came of the newest changes, in the order in which they were heard of. */
  outcomes: FollowOutcome[];
}

/** `unknown`: the gateway knows nothing of it. `detached`: there, as it was removed here. `verified`: a new method whose own run was lost, with whatever result. `ignored`: the method is in no wallet here. `given_up`: it was never read, or never written down. */
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
  | 'given_up';

type ChangeOf<C extends GatewayChange['changed']> = Extract<GatewayChange, { changed: C }> & {
  customer_id: string;
};

/** A contested charge. */
export type DisputeChange = Extract<GatewayChange, { dispute_ref: string }>;

export interface FollowActivities {
  /**
   * Reads the method, writes down what is newer, and tells the customer's open recoveries of new details. One that is
   * attached to nobody any more, or to another customer, leaves the wallet; one that was removed here and is still
   * attached there is detached; what was lost with its run, a change of its date or the verification of a new one, is
   * finished.
   */
  followPaymentMethod(input: ChangeOf<'payment_method'>): Promise<FollowOutcome>;
  /** Reads the mandate. If it has ended, its method may no longer be charged without the customer. */
  followMandate(input: ChangeOf<'mandate'>): Promise<FollowOutcome>;
  /** Reads the refunds of a payment, and writes down those that others made, and those that failed. */
  followRefunds(input: ChangeOf<'refunds'>): Promise<FollowOutcome>;
  /**
   * Reads a dispute or an early warning, and writes down for each holder of the card what it means. `reports`: for
   * Chimera.
   */
  followDispute(input: DisputeChange): Promise<{ outcome: FollowOutcome; reports: SuspectedFraud[] }>;
}

export const gatewayChangedSignal = defineSignal<[GatewayChange]>(GATEWAY_CHANGED);

const activities = proxyActivities<FollowActivities>({
  // One or two calls of ten seconds at most, seldom four; one transaction, seldom two; a few signals.
  startToCloseTimeout: '1m',
  // The gateway tells once: neither its outage nor the graph's may lose what it said.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10m' },
  // The next run reads the same thing: a reading that is under way ends first.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Far below where Temporal ends a run, also for its signals. */
const MAX_HISTORY_LENGTH = 2_000;
/** So many of the newest outcomes are kept. */
const MAX_OUTCOMES = 100;

/** Continues as new when its history has grown: also while the gateway is away, when nothing but signals comes. */
export async function followGateway(input: FollowGatewayInput): Promise<FollowGatewayResult> {
  const { customer_id } = input;
  const received: GatewayChange[] = [...(input.received ?? [])];
  // The signal that the run was started with is there at once.
  setHandler(gatewayChangedSignal, (change: unknown) => {
    if (isChange(change)) received.push(change);
    else log.warn('A gatewayChanged that is not valid is ignored');
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
    `What the gateway changed was followed: ${outcomes.join(', ')}`,
  );
  return { outcomes };
}

function isHistoryLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return (continueAsNewSuggested || historyLength >= MAX_HISTORY_LENGTH) && patched('continues-as-new');
}

/** What is read anew is read once, however many events spoke of it. */
function uniqueChanges(changes: readonly GatewayChange[]): GatewayChange[] {
  const first = new Map<string, GatewayChange>();
  for (const change of changes) {
    const subject = JSON.stringify({ ...change, event_id: '' });
    if (!first.has(subject)) first.set(subject, change);
  }
  return [...first.values()];
}

/**
 * What an activity gives. When the history grows too long meanwhile it is called off.
 * @returns `undefined`: the next run is to begin it anew
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
    // Whether it was cancelled or its last try failed: it is not tried again here.
    if (error instanceof ActivityFailure) return undefined;
    throw error;
  }
}

/** @returns `undefined`: the next run is to read it */
async function follow(
  customer_id: string | undefined,
  change: GatewayChange,
): Promise<FollowOutcome | undefined> {
  try {
    const outcome = await read(customer_id, change);
    if (outcome === 'refund_failed')
      log.error('A refund has failed; what Persona has to give back is tried again', logFields(change));
    if (outcome === 'unknown') log.warn('The gateway does not know what it spoke of', logFields(change));
    return outcome;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.error('What the gateway changed was never followed', {
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
  // Out of that scope: what was found out is reported, however long the history is.
  for (const report of followed?.reports ?? []) await reportInBackground(report);
  return followed?.outcome;
}

/** Chimera may be unreachable for days, and gets one report for each suspicion. */
async function reportInBackground(report: SuspectedFraud): Promise<void> {
  try {
    await startChild(reportFraud, {
      workflowId: fraudReportWorkflowId(report.event_id),
      // Its activities are on this queue alone.
      taskQueue: TaskQueue.recovery,
      args: [report],
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

/** Anybody may have sent anything. */
function isChange(payload: unknown): payload is GatewayChange {
  if (typeof payload !== 'object' || payload === null) return false;
  const given: Readonly<Record<string, unknown>> = { ...payload };
  return REQUIRED_FIELDS.get(given.changed)?.every((field) => typeof given[field] === 'string') === true;
}

function logFields({ event_id, changed: _, ...ids }: GatewayChange): Record<string, string> {
  return { event_id, ...ids };
}
