/**
 * Every ten minutes: whatever is still owed, or in doubt, and has no run, gets one again (terminated by hand, Temporal
 * restored from a backup, its data lost); a message that was accepted and that no transaction has recorded is sent again;
 * refunds that are due are tried; notices that are due and have no run are sent; and so is taken up what awaits a person
 * in a fraud case. The run finds out before it does anything.
 */

import { proxyActivities } from '@temporalio/workflow';
import { WorkflowName } from '../domain/processes.ts';
import { show } from './visibility.ts';

export interface SweptPage {
  looked_at: number;
  /** The payments whose recovery or refund, the events whose signal, the notifications whose sending, or the fraud cases whose process was started again. */
  started: string[];
  /** Where the next page begins; absent after the last one. */
  next?: string;
}

export interface SweepActivities {
  /** Looks at one page; starts a run for each payment of it that has none. */
  sweepPage(input: { after: string }): Promise<SweptPage>;
  /** The same for what is to be given back. */
  sweepRefunds(input: { after: string }): Promise<SweptPage>;
  /** The same for messages that were accepted, and that no run has recorded. */
  sweepReports(input: { after: string }): Promise<SweptPage>;
  /** The same for the notices that are due. */
  sweepNotices(input: { after: string }): Promise<SweptPage>;
  /** The same for fraud cases that await a person. */
  sweepFraudReviews(input: { after: string }): Promise<SweptPage>;
}

const { sweepPage, sweepReports, sweepRefunds, sweepNotices, sweepFraudReviews } =
  proxyActivities<SweepActivities>({
    // A page asks Temporal about a hundred runs at most.
    startToCloseTimeout: '2m',
    // The next sweep comes in ten minutes and begins anew.
    scheduleToCloseTimeout: '8m',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
  });

export interface SweepResult {
  /** Payments. */
  looked_at: number;
  /** Payments whose recovery was started again. */
  started: number;
  /** Accepted messages that were sent again. */
  reports: number;
  /** Payments of which something is being given back. */
  refunds: number;
  /** Notices whose sending was started again. */
  notices: number;
  /** Fraud cases whose process was started again. */
  fraud_cases: number;
}

/** How many pages of each kind one execution looks at: history stays short, and what is left comes with the next sweep. */
const MAX_PAGES = 200;

export async function sweepObligations(): Promise<SweepResult> {
  // First: a run that begins with a settlement or a STOP charges nothing that one which resumes without it would.
  const { started: reports } = await eachPage(sweepReports);
  const { looked_at, started } = await eachPage(sweepPage);
  const { started: refunds } = await eachPage(sweepRefunds);
  const { started: notices } = await eachPage(sweepNotices);
  const { started: fraud_cases } = await eachPage(sweepFraudReviews);
  show(
    { process: WorkflowName.sweepObligations, state: 'done' },
    `Looked at ${looked_at} payments; started ${started} recoveries, ${refunds} refunds, ${notices} notices and ${fraud_cases} fraud cases again, sent ${reports} messages again`,
  );
  return { looked_at, started, reports, refunds, notices, fraud_cases };
}

async function eachPage(
  sweep: (input: { after: string }) => Promise<SweptPage>,
): Promise<{ looked_at: number; started: number }> {
  const result = { looked_at: 0, started: 0 };
  let after: string | undefined = '';
  for (let page = 0; page < MAX_PAGES && after !== undefined; page++) {
    const found: SweptPage = await sweep({ after });
    result.looked_at += found.looked_at;
    result.started += found.started.length;
    after = found.next;
  }
  return result;
}
