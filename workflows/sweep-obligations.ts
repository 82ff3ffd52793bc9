/**
 * Every ten minutes: restarts the recovery of payments that are unpaid or unresolved and have no run (terminated manually,
 * Temporal restored from a backup, its data lost); sends again accepted reports that no transaction has recorded; tries
 * due refunds; sends due notices that have no run; and restarts fraud cases under review, erasures, and open contests. A restarted run
 * first resolves an unresolved attempt.
 */

import {
  ActivityFailure,
  continueAsNew,
  isCancellation,
  log,
  patched,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import { OBLIGATION_SWEEP, WorkflowName } from '../domain/workflow-contracts.ts';
import { show } from './visibility.ts';

export interface SweptPage {
  looked_at: number;
  /** How many recoveries, refunds, notices, fraud cases, erasures or contests were started, or reports sent again. */
  started: number;
  /** Where the next page starts; absent after the last one. */
  next?: string;
}

export interface SweepInput {
  after: string;
  /** From the start of the last sweep that covered all recoveries to the start of this one: epoch milliseconds. */
  period: { from: number; to: number };
}

type SweepPart = (input: SweepInput) => Promise<SweptPage>;

/** Each processes one page. */
export interface SweepActivities {
  /** Accepted reports that have not been recorded. */
  sweepReports: SweepPart;
  /** Payments that should have a running recovery. */
  sweepRecoveries: SweepPart;
  /** Payments with a due refund. */
  sweepRefunds: SweepPart;
  /** Due notices. */
  sweepNotices: SweepPart;
  /** Fraud cases that await an operator's decision. */
  sweepFraudReviews: SweepPart;
  /** Erasures that are not done. */
  sweepErasures: SweepPart;
  /** Contests that await a decision. */
  sweepContests: SweepPart;
}

const activities = proxyActivities<SweepActivities>({
  // A page starts at most a thousand runs per state, four at a time.
  startToCloseTimeout: '2m',
  // The next sweep starts afresh within ten minutes.
  scheduleToCloseTimeout: '8m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

// Reports first: a run that starts with a settlement or a STOP does not make charges that a run without it would.
const PARTS = ['reports', 'recoveries', 'refunds', 'notices', 'fraud_cases', 'erasures', 'contests'] as const;
type Part = (typeof PARTS)[number];

const SWEEPS: Readonly<Record<Part, SweepPart>> = {
  reports: activities.sweepReports,
  recoveries: activities.sweepRecoveries,
  refunds: activities.sweepRefunds,
  notices: activities.sweepNotices,
  fraud_cases: activities.sweepFraudReviews,
  erasures: activities.sweepErasures,
  contests: activities.sweepContests,
};

/** Per part, how many were started or sent again. */
export interface SweepResult extends Record<Part, number> {
  /** Payments that should have a running recovery. */
  looked_at: number;
  /** Parts that were not completed. */
  failed: Part[];
  /** The start of the last sweep that covered all recoveries: the next one's period starts there. Epoch milliseconds. */
  recoveries_until: number;
}

/** Where a run that continues as new resumes. */
interface SweepProgress {
  part: Part;
  after: string;
  result: SweepResult;
  period: SweepInput['period'];
}

/** How many pages one run processes, which takes two thousand events. */
const MAX_PAGES = 300;

/** Processes all parts, however large. A failed part does not stop the later ones, except that recoveries need reports. */
export async function sweepObligations(progress?: SweepProgress): Promise<SweepResult> {
  const period = progress?.period ?? periodOf(Date.now());
  const result = progress?.result ?? {
    ...{ looked_at: 0, reports: 0, recoveries: 0, refunds: 0, notices: 0, fraud_cases: 0, erasures: 0 },
    ...{ contests: 0, failed: [], recoveries_until: period.from },
  };
  const first = PARTS.indexOf(progress?.part ?? 'reports');
  let after = progress?.after ?? '';
  let pages = 0;
  for (const part of PARTS.slice(first)) {
    if (part === 'erasures' && !patched('erasures')) continue;
    if (part === 'contests' && !patched('contests')) continue;
    // The unsent reports may include a settlement, without which a recovery must not be restarted.
    if (part === 'recoveries' && result.failed.includes('reports')) {
      result.failed.push(part);
      continue;
    }
    for (let next: string | undefined = after; next !== undefined; pages += 1) {
      if (pages === MAX_PAGES)
        await continueAsNew<typeof sweepObligations>({ part, after: next, result, period });
      const page = await sweepPage(part, { after: next, period });
      if (!page) {
        result.failed.push(part);
        break;
      }
      result[part] += page.started;
      if (part === 'recoveries') result.looked_at += page.looked_at;
      next = page.next;
    }
    after = '';
  }
  if (!result.failed.includes('recoveries')) result.recoveries_until = period.to;
  const { looked_at, failed, recoveries_until: _, ...started } = result;
  const again = PARTS.map((part) => `${started[part]} ${part.replace('_', ' ')}`).join(', ');
  const outcome = failed.length === 0 ? 'complete' : 'incomplete';
  show(
    { process: WorkflowName.sweepObligations, state: 'done', outcome },
    `Checked ${looked_at} payments; started or sent again: ${again}${failed.length > 0 ? `; **not finished**: ${failed.join(', ')}` : ''}`,
  );
  return result;
}

/** Continues where the period of the schedule's last run ended, so that a sweep that overran its interval leaves no gap. */
function periodOf(now: number): SweepInput['period'] {
  const last = workflowInfo().lastResult as Partial<SweepResult> | undefined;
  return { from: last?.recoveries_until ?? now - OBLIGATION_SWEEP.everyMs, to: now };
}

/** @returns `undefined` if the page could not be processed in time */
async function sweepPage(part: Part, input: SweepInput): Promise<SweptPage | undefined> {
  try {
    return await SWEEPS[part](input);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    log.error('part of the sweep failed: the next sweep retries it', {
      part,
      after: input.after,
      error,
    });
    return undefined;
  }
}
