/** The part of the sweep that restarts recoveries; one that is running costs no start. */

import { createHash } from 'node:crypto';
import { log } from '@temporalio/activity';
import { OBLIGATION_SWEEP } from '../domain/workflow-contracts.ts';
import type { Graph } from '../graph/index.ts';
import { findSweepCandidates } from '../graph/recovery/index.ts';
import type { SweepInput, SweptPage } from '../workflows/sweep-obligations.ts';
import { forEachConcurrently } from './concurrency.ts';

/** Restarts a recovery unless it is running. @returns whether it was started */
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

/** Per state: Temporal's largest page. */
const PAGE = 1_000;
/** The number of sweeps per day, if none overruns its interval. */
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
    if (started > 0) log.warn('recoveries without a run restarted', { started, after });
    return { looked_at: payment_ids.length, started, ...(next !== undefined && { next }) };
  };
}

/**
 * A list that was restored separately from the executions names runs that no longer exist, and nothing would correct it.
 * Each payment therefore counts as lost once a day, in the sweep whose period covers its share of the day. If its recovery
 * is running, Temporal refuses the start.
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
