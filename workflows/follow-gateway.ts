/**
 * What the gateway changes by itself (a reissued card, a method that was detached, a mandate that ended, a refund) is
 * read there and written down. One run at a time per method and per obligation, so that readings keep their order.
 */

import { ActivityFailure, defineSignal, log, proxyActivities, setHandler } from '@temporalio/workflow';
import {
  type FollowGatewayInput,
  GATEWAY_CHANGED,
  type GatewayChange,
  WorkflowName,
} from '../domain/processes.ts';
import { show } from './visibility.ts';

export interface FollowGatewayResult {
  /** What came of each change, in the order in which they were heard of. */
  outcomes: FollowOutcome[];
}

/** `unknown`: the gateway knows nothing of it. `given_up`: it was never read, or never written down. */
export type FollowOutcome =
  | 'unchanged'
  | 'unknown'
  | 'updated'
  | 'removed'
  | 'consent_withdrawn'
  | 'refund_recorded'
  | 'refund_failed'
  | 'given_up';

type Of<C extends GatewayChange['changed']> = Extract<GatewayChange, { changed: C }> & FollowGatewayInput;

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
    { process: WorkflowName.followGateway, customerId: customer_id, state: 'done', outcome },
    `What the gateway changed was followed: ${outcomes.join(', ')}`,
  );
  return { outcomes };
}

async function follow(customer_id: string, change: GatewayChange): Promise<FollowOutcome> {
  try {
    const outcome = await read(customer_id, change);
    if (outcome === 'refund_failed')
      log.error('A refund has failed; a person must give it back', about(change));
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

async function read(customer_id: string, change: GatewayChange): Promise<FollowOutcome> {
  switch (change.changed) {
    case 'payment_method':
      return activities.followPaymentMethod({ ...change, customer_id });
    case 'mandate':
      return activities.followMandate({ ...change, customer_id });
    case 'refunds':
      return activities.followRefunds({ ...change, customer_id });
  }
}

const FIELDS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['payment_method', ['event_id', 'payment_method_id']],
  ['mandate', ['event_id', 'payment_method_id', 'mandate_ref']],
  ['refunds', ['event_id', 'payment_id', 'gateway_ref']],
] satisfies [GatewayChange['changed'], string[]][]);

/** Anybody may have sent anything. */
function isChange(payload: unknown): payload is GatewayChange {
  if (typeof payload !== 'object' || payload === null) return false;
  const given: Readonly<Record<string, unknown>> = { ...payload };
  return FIELDS.get(given.changed)?.every((field) => typeof given[field] === 'string') === true;
}

function about(change: GatewayChange): Record<string, string> {
  const { event_id } = change;
  return change.changed === 'refunds'
    ? { event_id, payment_id: change.payment_id }
    : { event_id, payment_method_id: change.payment_method_id };
}
