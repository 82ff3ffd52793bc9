/**
 * Daily: looks at every card whose month ends, and once for each stage its customer is written to. What has been decided
 * stands in the cards, so a run that is repeated, or takes up a lost one, does nothing twice.
 */

import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import type { ExpiryScan } from '../domain/expiry/candidates.ts';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import { show } from './visibility.ts';

/** What one activity has seen to, or all of them. */
export interface ExpiryTally {
  /** Cards that were looked at. */
  scanned: number;
  /** Customers who are written to ahead of a card's end. */
  notified: number;
  /** Cards of which the gateway had newer details, or had them no more: nobody is written to. */
  updated: number;
  /** Cards whose month is over. */
  expired: number;
  /** Cards that the next run tries again. */
  failed: number;
  /** The first of them. */
  failed_ids: string[];
}

/** Where the next activity begins. */
export interface ExpiryCursor {
  expires_on: string;
  payment_method_id: string;
}

export interface ExpiryActivities {
  /**
   * Sees to up to ten thousand cards. @param input.scan absent: begins a run, with policy and time of now
   */
  monitorCards(input: { scan?: ExpiryScan; after?: ExpiryCursor }): Promise<{
    scan: ExpiryScan;
    tally: ExpiryTally;
    /** Absent: there are no more cards. */
    next?: ExpiryCursor;
  }>;
}

export interface ExpiryResult extends ExpiryTally {
  took_ms: number;
}

/** What the executions before this one hand on. */
interface MonitorProgress {
  /** Epoch milliseconds. */
  began_at: number;
  scan: ExpiryScan;
  after: ExpiryCursor;
  tally: ExpiryTally;
}

const { monitorCards } = proxyActivities<ExpiryActivities>({
  // Ten thousand cards, all of them due, at the pace at which the gateway may be asked.
  startToCloseTimeout: '2h',
  // One card takes a reading of ten seconds at most, and a transaction.
  heartbeatTimeout: '1m',
  // The graph may be away for a while; what is left then comes with the next day's run.
  scheduleToCloseTimeout: '6h',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** Each is a handful of events: history stays below a thousand. */
const ACTIVITIES_PER_EXECUTION = 100;
/** Enough to begin looking; the logs name each of them. */
const MAX_FAILED_IDS = 100;

export async function monitorExpiringCards(progress?: MonitorProgress): Promise<ExpiryResult> {
  const process = WorkflowName.monitorExpiringCards;
  const began_at = progress?.began_at ?? Date.now();
  let tally = progress?.tally ?? {
    scanned: 0,
    notified: 0,
    updated: 0,
    expired: 0,
    failed: 0,
    failed_ids: [],
  };
  let { scan, after }: Partial<MonitorProgress> = progress ?? {};
  show({ process, state: 'scanning' }, summaryOf(tally));
  for (let calls = 0; calls < ACTIVITIES_PER_EXECUTION; calls++) {
    const result = await monitorCards({ ...(scan && { scan }), ...(after && { after }) });
    tally = addTallies(tally, result.tally);
    scan = result.scan;
    after = result.next;
    if (after === undefined) {
      const outcome = tally.failed === 0 ? 'complete' : 'incomplete';
      show({ process, state: 'done', outcome }, summaryOf(tally));
      return { ...tally, took_ms: Date.now() - began_at };
    }
  }
  // The loop has run: both are known.
  return continueAsNew<typeof monitorExpiringCards>({ began_at, scan, after, tally } as MonitorProgress);
}

function addTallies(one: ExpiryTally, other: ExpiryTally): ExpiryTally {
  return {
    scanned: one.scanned + other.scanned,
    notified: one.notified + other.notified,
    updated: one.updated + other.updated,
    expired: one.expired + other.expired,
    failed: one.failed + other.failed,
    failed_ids: [...one.failed_ids, ...other.failed_ids].slice(0, MAX_FAILED_IDS),
  };
}

function summaryOf({ scanned, notified, updated, expired, failed }: ExpiryTally): string {
  return `Looked at ${scanned} cards: ${notified} customers notified, ${updated} cards updated, ${expired} expired, ${failed} failed`;
}
