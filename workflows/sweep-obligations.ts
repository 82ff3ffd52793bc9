/**
 * Every ten minutes: whatever is still owed, or in doubt, and has no run, gets one again (terminated by hand, Temporal
 * restored from a backup, its data lost). The run finds out before it does anything.
 */

import { proxyActivities } from '@temporalio/workflow';
import { WorkflowName } from '../domain/processes.ts';
import { show } from './visibility.ts';

export interface SweptPage {
  looked_at: number;
  /** The payments whose recovery was started again. */
  started: string[];
  /** Where the next page begins; absent after the last one. */
  next?: string;
}

export interface SweepActivities {
  /** Looks at one page; starts a run for each payment of it that has none. */
  sweepPage(input: { after: string }): Promise<SweptPage>;
}

const { sweepPage } = proxyActivities<SweepActivities>({
  // A page asks Temporal about a hundred runs at most.
  startToCloseTimeout: '2m',
  // The next sweep comes in ten minutes and begins anew.
  scheduleToCloseTimeout: '8m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

export interface SweepResult {
  looked_at: number;
  /** Payments whose recovery was started again. */
  started: number;
}

/** How many pages one execution looks at: history stays short, and what is left comes with the next sweep. */
const MAX_PAGES = 200;

export async function sweepObligations(): Promise<SweepResult> {
  const result: SweepResult = { looked_at: 0, started: 0 };
  let after: string | undefined = '';
  for (let page = 0; page < MAX_PAGES && after !== undefined; page++) {
    const found: SweptPage = await sweepPage({ after });
    result.looked_at += found.looked_at;
    result.started += found.started.length;
    after = found.next;
  }
  show(
    { process: WorkflowName.sweepObligations, state: 'done' },
    `Looked at ${result.looked_at} payments; started ${result.started} recoveries again`,
  );
  return result;
}
