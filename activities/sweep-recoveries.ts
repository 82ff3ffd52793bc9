/** The part of the sweep that starts recoveries again: only those without a run cost anything. */

import { createHash } from 'node:crypto';
import { log } from '@temporalio/activity';
import { OBLIGATION_SWEEP } from '../domain/workflow-contracts.ts';
import type { Graph } from '../graph/index.ts';
import { findSweepCandidates } from '../graph/recovery/index.ts';
import type { SweepInput, SweptPage } from '../workflows/sweep-obligations.ts';
import { forEachConcurrently } from './concurrency.ts';

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
/** A day has as many as sweeps, if none takes longer than its turn. */
const SHARES = (24 * 3_600_000) / OBLIGATION_SWEEP.everyMs;

export function createSweepRecoveries(dependencies: SweepRecoveriesDependencies) {
  const { graph, listRunningRecoveries, resumeRecovery, now } = dependencies;

  return async ({ after, period }: SweepInput): Promise<SweptPage> => {
    const { payment_ids, next } = await findSweepCandidates(graph, { after, limit: PAGE, now: now() });
    const running = await listRunningRecoveries(payment_ids);
    const lost = payment_ids.filter((id) => !running.has(id) || isDailyRecheck(id, period));
    let started = 0;
    await forEachConcurrently(lost, async (paymentId) => {
      if (await resumeRecovery(paymentId)) started += 1;
    });
    if (started > 0) log.warn('Recoveries without a run were started again', { started, after });
    return { looked_at: payment_ids.length, started, ...(next !== undefined && { next }) };
  };
}

/**
 * A list that was restored apart from the executions names runs that are gone, and nothing would ever correct it: each
 * payment is taken for lost once a day, by the sweep whose period its share of the day falls into. Where its recovery
 * runs, Temporal refuses the start.
 */
function isDailyRecheck(paymentId: string, { from, to }: SweepInput['period']): boolean {
  const share = createHash('sha256').update(paymentId).digest().readUInt32BE() % SHARES;
  const [before, now] = [from, to].map((time) => Math.floor(time / OBLIGATION_SWEEP.everyMs)) as [
    number,
    number,
  ];
  const sharesAgo = (((now - share) % SHARES) + SHARES) % SHARES;
  return sharesAgo < now - before;
}
