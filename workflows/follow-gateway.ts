/**
 * What the gateway changes by itself (a reissued card, a method that was detached, a mandate that ended, a refund, a
 * dispute) is read there and written down. One run at a time per method, per obligation and per contested charge, so
 * that readings keep their order.
 */

import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityFailure,
  defineSignal,
  log,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  startChild,
} from '@temporalio/workflow';
import type { SuspectedFraud } from '../domain/ports.ts';
import {
  type FollowGatewayInput,
  fraudReportWorkflowId,
  GATEWAY_CHANGED,
  type GatewayChange,
  TaskQueue,
  WorkflowName,
} from '../domain/processes.ts';
import { reportFraud } from './report-fraud.ts';
import { show } from './visibility.ts';

export interface FollowGatewayResult {
  /** What came of each change, in the order in which they were heard of. */
  outcomes: FollowOutcome[];
}

/** `unknown`: the gateway knows nothing of it. `ignored`: the method is in no wallet here. `given_up`: it was never read, or never written down. */
export type FollowOutcome =
  | 'unchanged'
  | 'unknown'
  | 'updated'
  | 'removed'
  | 'consent_withdrawn'
  | 'refund_recorded'
  | 'refund_failed'
  | 'disputed'
  | 'dispute_over'
  | 'compromised'
  | 'ignored'
  | 'given_up';

type Of<C extends GatewayChange['changed']> = Extract<GatewayChange, { changed: C }> & {
  customer_id: string;
};

/** A contested charge. */
export type DisputeChange = Extract<GatewayChange, { dispute_ref: string }>;

export interface FollowActivities {
  /**
   * Reads the method, writes down what is newer, and tells the customer's open recoveries of new details. One that is
   * attached to nobody any more, or to another customer, leaves the wallet.
   */
  followPaymentMethod(input: Of<'payment_method'>): Promise<FollowOutcome>;
  /** Reads the mandate. If it has ended, its method may no longer be charged without the customer. */
  followMandate(input: Of<'mandate'>): Promise<FollowOutcome>;
  /** Reads the refunds of a payment, and writes down those that others made, and those that failed. */
  followRefunds(input: Of<'refunds'>): Promise<FollowOutcome>;
  /**
   * Reads a dispute or an early warning, and writes down for each holder of the card what it means. `reports`: for
   * Chimera.
   */
  followDispute(input: DisputeChange): Promise<{ outcome: FollowOutcome; reports: SuspectedFraud[] }>;
}

export const gatewayChangedSignal = defineSignal<[GatewayChange]>(GATEWAY_CHANGED);

const activities = proxyActivities<FollowActivities>({
  // One or two readings of ten seconds at most, one transaction and a few signals.
  startToCloseTimeout: '40s',
  // The gateway tells once: neither its outage nor the graph's may lose what it said.
  scheduleToCloseTimeout: '30d',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10m' },
});

export async function followGateway({ customer_id }: FollowGatewayInput): Promise<FollowGatewayResult> {
  const heard: GatewayChange[] = [];
  // The signal that the run was started with is there at once.
  setHandler(gatewayChangedSignal, (change: unknown) => {
    if (isChange(change)) heard.push(change);
    else log.warn('A gatewayChanged that is not valid is ignored');
  });
  const outcomes: FollowOutcome[] = [];
  for (let change = heard.shift(); change !== undefined; change = heard.shift()) {
    outcomes.push(await follow(customer_id, change));
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

async function follow(customer_id: string | undefined, change: GatewayChange): Promise<FollowOutcome> {
  try {
    const outcome = await read(customer_id, change);
    if (outcome === 'refund_failed')
      log.error('A refund has failed; what Persona has to give back is tried again', about(change));
    if (outcome === 'unknown') log.warn('The gateway does not know what it spoke of', about(change));
    return outcome;
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    log.error('What the gateway changed was never followed', {
      ...about(change),
      reason: error.cause?.message,
    });
    return 'given_up';
  }
}

async function read(customer_id: string | undefined, change: GatewayChange): Promise<FollowOutcome> {
  if ('dispute_ref' in change) return readDispute(change);
  if (customer_id === undefined) return 'ignored';
  switch (change.changed) {
    case 'payment_method':
      return activities.followPaymentMethod({ ...change, customer_id });
    case 'mandate':
      return activities.followMandate({ ...change, customer_id });
    case 'refunds':
      return activities.followRefunds({ ...change, customer_id });
  }
}

async function readDispute(change: DisputeChange): Promise<FollowOutcome> {
  const { outcome, reports } = await activities.followDispute(change);
  for (const report of reports) await reportInBackground(report);
  return outcome;
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

const FIELDS: ReadonlyMap<unknown, readonly string[]> = new Map([
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
  return FIELDS.get(given.changed)?.every((field) => typeof given[field] === 'string') === true;
}

function about({ event_id, changed: _, ...ids }: GatewayChange): Record<string, string> {
  return { event_id, ...ids };
}
