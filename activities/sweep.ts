import type { Graph } from '../graph/index.ts';
import { findUnattended } from '../graph/recovery/index.ts';
import type { SweepActivities } from '../workflows/sweep-obligations.ts';

/** Starts a recovery again unless one runs. @returns whether it was started */
export type ResumeRecovery = (paymentId: string) => Promise<boolean>;

export interface SweepDependencies {
  graph: Graph;
  resumeRecovery: ResumeRecovery;
  /** Epoch milliseconds. */
  now: () => number;
}

const PAGE = 100;

export function createSweepActivities({ graph, resumeRecovery, now }: SweepDependencies): SweepActivities {
  return {
    async sweepPage({ after }) {
      const paymentIds = await findUnattended(graph, { after, limit: PAGE, now: now() });
      const started: string[] = [];
      for (const paymentId of paymentIds) {
        if (await resumeRecovery(paymentId)) started.push(paymentId);
      }
      const last = paymentIds.at(-1);
      const next = paymentIds.length === PAGE && last !== undefined ? { next: last } : {};
      return { looked_at: paymentIds.length, started, ...next };
    },
  };
}
