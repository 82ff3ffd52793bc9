import type { NoticeTemplate } from '../domain/ports.ts';
import type { SendNoticeInput } from '../domain/processes.ts';
import type { Graph } from '../graph/index.ts';
import { findNoticesDue, findUnattended, type NoticeDue } from '../graph/recovery/index.ts';
import type { SweepActivities } from '../workflows/sweep-obligations.ts';

/** Starts a recovery again unless one runs. @returns whether it was started */
export type ResumeRecovery = (paymentId: string) => Promise<boolean>;
/** Starts the sending of a notice unless it runs. @returns whether it was started */
export type StartNotice = (input: SendNoticeInput) => Promise<boolean>;

export interface SweepDependencies {
  graph: Graph;
  resumeRecovery: ResumeRecovery;
  startNotice: StartNotice;
  /** Epoch milliseconds. */
  now: () => number;
}

const PAGE = 100;
/** As long as a recovery that has just ended tries by itself; then a child does, under the same id. */
const NOTICE_WAITS_MS = 60_000;
/** As long as a receiver that is away is waited for (specification: interfaces, 'Notifications'). */
const NEWS_MS = 3 * 24 * 3_600_000;
/** Of money that moved a customer wants to hear however late; anything else has been overtaken by then. */
const NEVER_TOO_LATE: readonly NoticeTemplate[] = ['recovered', 'refund_issued'];

export function createSweepActivities(deps: SweepDependencies): SweepActivities {
  const { graph, resumeRecovery, startNotice, now } = deps;
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

    async sweepNotices({ after }) {
      const before = now() - NOTICE_WAITS_MS;
      const { due, last: next } = await findNoticesDue(graph, { after, limit: PAGE, before });
      const started: string[] = [];
      for (const notice of due) {
        if (await startNotice(inputOf(notice, now()))) started.push(notice.notification_id);
      }
      return { looked_at: due.length, started, ...(next === undefined ? {} : { next }) };
    },
  };
}

function inputOf({ closed_at, ...notice }: NoticeDue, now: number): SendNoticeInput {
  const isOld = now - closed_at > NEWS_MS && !NEVER_TOO_LATE.includes(notice.template);
  return isOld ? { ...notice, given_up: 'nobody could send it for three days' } : notice;
}
