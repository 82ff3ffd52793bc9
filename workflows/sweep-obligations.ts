/**
 * Every ten minutes: whatever is still owed, or in doubt, and has no run, gets one again (terminated by hand, Temporal
 * restored from a backup, its data lost); a message that was accepted and that no transaction has recorded is sent again;
 * refunds that are due are tried; notices that are due and have no run are sent; and so is taken up what awaits a person
 * in a fraud case. The run finds out before it does anything.
 */

import {
  ActivityFailure,
  continueAsNew,
  isCancellation,
  log,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import { OBLIGATION_SWEEP, WorkflowName } from '../domain/workflow-contracts.ts';
import { show } from './visibility.ts';

export interface SweptPage {
  looked_at: number;
  /** How many recoveries, refunds, notices or fraud cases were started, or messages sent, again. */
  started: number;
  /** Where the next page begins; absent after the last one. */
  next?: string;
}

export interface SweepInput {
  after: string;
  /** From the beginning of the last sweep that saw every recovery to that of this one: epoch milliseconds. */
  period: { from: number; to: number };
}

type SweepPart = (input: SweepInput) => Promise<SweptPage>;

/** Each looks at one page. */
export interface SweepActivities {
  /** Messages that were accepted, and that no run has recorded. */
  sweepReports: SweepPart;
  /** Payments that a recovery should be looking after. */
  sweepRecoveries: SweepPart;
  /** Payments with a refund that is due. */
  sweepRefunds: SweepPart;
  /** Notices that are due. */
  sweepNotices: SweepPart;
  /** Fraud cases that await a person. */
  sweepFraudReviews: SweepPart;
}

const activities = proxyActivities<SweepActivities>({
  // A page starts a thousand runs of each state at most, four at a time.
  startToCloseTimeout: '2m',
  // The next sweep comes in ten minutes and begins anew.
  scheduleToCloseTimeout: '8m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

// Reports first: a run that begins with a settlement or a STOP charges nothing that one which resumes without it would.
const PARTS = ['reports', 'recoveries', 'refunds', 'notices', 'fraud_cases'] as const;
type Part = (typeof PARTS)[number];

const SWEEPS: Readonly<Record<Part, SweepPart>> = {
  reports: activities.sweepReports,
  recoveries: activities.sweepRecoveries,
  refunds: activities.sweepRefunds,
  notices: activities.sweepNotices,
  fraud_cases: activities.sweepFraudReviews,
};

/** How many of each part were started, or sent, again. */
export interface SweepResult extends Record<Part, number> {
  /** Payments that a recovery should be looking after. */
  looked_at: number;
  /** Parts that were not looked at to their end. */
  failed: Part[];
  /** When the last sweep began that saw every recovery: where the next one's period begins. Epoch milliseconds. */
  recoveries_until: number;
}

/** Where a run that continues as new goes on. */
interface SweepProgress {
  part: Part;
  after: string;
  result: SweepResult;
  period: SweepInput['period'];
}

/** How many pages one run looks at: they are two thousand events. */
const MAX_PAGES = 300;

/** Looks at everything, however much there is. A part that fails keeps no later one back, but for recoveries behind reports. */
export async function sweepObligations(progress?: SweepProgress): Promise<SweepResult> {
  const period = progress?.period ?? periodOf(Date.now());
  const result = progress?.result ?? {
    ...{ looked_at: 0, reports: 0, recoveries: 0, refunds: 0, notices: 0, fraud_cases: 0 },
    ...{ failed: [], recoveries_until: period.from },
  };
  const first = PARTS.indexOf(progress?.part ?? 'reports');
  let after = progress?.after ?? '';
  let pages = 0;
  for (const part of PARTS.slice(first)) {
    // A settlement may be among the messages that were not sent: a payment is not taken up without it.
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
    `Looked at ${looked_at} payments; started or sent again: ${again}${failed.length > 0 ? `; **not finished**: ${failed.join(', ')}` : ''}`,
  );
  return result;
}

/** The schedule's last run says where its period ended; a sweep that took longer than its turn leaves nothing out. */
function periodOf(now: number): SweepInput['period'] {
  const last = workflowInfo().lastResult as Partial<SweepResult> | undefined;
  return { from: last?.recoveries_until ?? now - OBLIGATION_SWEEP.everyMs, to: now };
}

/** @returns `undefined`: it could not be looked at in time */
async function sweepPage(part: Part, input: SweepInput): Promise<SweptPage | undefined> {
  try {
    return await SWEEPS[part](input);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    log.error('A part of the sweep failed; the next sweep begins it anew', {
      part,
      after: input.after,
      error,
    });
    return undefined;
  }
}
