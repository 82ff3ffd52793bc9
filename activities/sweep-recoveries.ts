/** The part of the sweep that starts recoveries again: only those without a run cost anything. */

import { createHash } from 'node:crypto';
import { log } from '@temporalio/activity';
import { OBLIGATION_SWEEP } from '../domain/processes.ts';
import type { Graph } from '../graph/index.ts';
import { findUnattended } from '../graph/recovery/index.ts';
import type { SweptPage } from '../workflows/sweep-obligations.ts';
import { sideBySide } from './side-by-side.ts';

/** Starts a recovery again unless one runs. @returns whether it was started */
export type ResumeRecovery = (paymentId: string) => Promise<boolean>;
/** @param paymentIds sorted. @returns those whose recovery is listed as running */
export type ListRunningRecoveries = (paymentIds: readonly string[]) => Promise<ReadonlySet<string>>;

export interface SweepRecoveriesDependencies {
  graph: Graph;
  listRunningRecoveries: ListRunningRecoveries;
  resumeRecovery: ResumeRecovery;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Of each state: as many as Temporal lists at once. */
const PAGE = 1_000;
const SWEEPS_A_DAY = (24 * 3_600_000) / OBLIGATION_SWEEP.everyMs;

export function createSweepRecoveries(deps: SweepRecoveriesDependencies) {
  const { graph, listRunningRecoveries, resumeRecovery, now } = deps;

  return async ({ after }: { after: string }): Promise<SweptPage> => {
    const at = now();
    const { payment_ids, next } = await findUnattended(graph, { after, limit: PAGE, now: at });
    const running = await listRunningRecoveries(payment_ids);
    const lost = payment_ids.filter((id) => !running.has(id) || isDoubleChecked(id, at));
    let started = 0;
    await sideBySide(lost, async (paymentId) => {
      if (await resumeRecovery(paymentId)) started += 1;
    });
    if (started > 0) log.warn('Recoveries without a run were started again', { started, after });
    return { looked_at: payment_ids.length, started, ...(next !== undefined && { next }) };
  };
}

/**
 * A list that was restored apart from the executions names runs that are gone, and nothing would ever correct it: each
 * payment is taken for lost in one sweep a day. Where its recovery runs, Temporal refuses the start.
 */
function isDoubleChecked(paymentId: string, at: number): boolean {
  const share = createHash('sha256').update(paymentId).digest().readUInt32BE() % SWEEPS_A_DAY;
  return share === Math.floor(at / OBLIGATION_SWEEP.everyMs) % SWEEPS_A_DAY;
}
