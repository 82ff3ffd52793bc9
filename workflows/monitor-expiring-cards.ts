/**
 * Daily: checks every card that is about to expire, and notifies its customer once per stage. Decisions are stored in the
 * card, so that a repeated or resumed run does nothing twice.
 */

import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import type { ExpiryScan } from '../domain/expiry/candidates.ts';
import { WorkflowName } from '../domain/workflow-contracts.ts';
import { show } from './visibility.ts';

/** The counts of one activity, or of a whole run. */
export interface ExpiryTally {
  /** Cards that were checked. */
  scanned: number;
  /** Customers who are notified before a card expires. */
  notified: number;
  /** Cards with newer details at the gateway, or no longer there: no notice is sent. */
  updated: number;
  /** Cards that have expired. */
  expired: number;
  /** Cards that the next run tries again. */
  failed: number;
  /** The ids of the first of them. */
  failed_ids: string[];
}

/** Where the next activity starts. */
export interface ExpiryCursor {
  expires_on: string;
  payment_method_id: string;
}

export interface ExpiryActivities {
  /**
   * Processes up to ten thousand cards. @param input.scan absent: starts a run, with the current policy and time
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

/** Carried over from the previous execution. */
interface MonitorProgress {
  /** Epoch milliseconds. */
  began_at: number;
  scan: ExpiryScan;
  after: ExpiryCursor;
  tally: ExpiryTally;
}

const { monitorCards } = proxyActivities<ExpiryActivities>({
  // Ten thousand cards, all of them due, at the gateway's rate limit.
  startToCloseTimeout: '2h',
  // One card takes a read of at most ten seconds, and a transaction.
  heartbeatTimeout: '1m',
  // Covers an outage of the graph; the next day's run does the rest.
  scheduleToCloseTimeout: '6h',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** Each takes a few events: the history stays below a thousand. */
const ACTIVITIES_PER_EXECUTION = 100;
/** Enough to start an investigation; the logs name all of them. */
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
  // The loop has run, so that both `scan` and `after` are set.
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
  return `Checked ${scanned} cards: ${notified} customers notified, ${updated} cards updated, ${expired} expired, ${failed} failed`;
}
