import { log } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import type { NoticeTemplate } from '../domain/ports.ts';
import type { Report, SendNoticeInput } from '../domain/workflow-contracts.ts';
import { findCardNoticesDue } from '../graph/expiry/index.ts';
import { findSuspensionNoticesDue, type FraudReview, getFraudReviews } from '../graph/index.ts';
import {
  clearReports,
  findNoticesDue,
  findRefundsDue,
  findReportsDue,
  type NoticeDue,
  openReport,
  postponeReports,
  type ReportDue,
} from '../graph/recovery/index.ts';
import { headerOf, activityIdempotencyKey } from './command-header.ts';
import type { SweepActivities, SweptPage } from '../workflows/sweep-obligations.ts';
import { createSweepRecoveries, type SweepRecoveriesDependencies } from './sweep-recoveries.ts';

/** Starts the process of a fraud case again unless one runs. @returns whether it was started */
export type ResumeFraudCase = (caseId: string) => Promise<boolean>;
/** Starts to give back what is due of a payment unless that is under way. @returns whether it was started */
export type StartRefund = (paymentId: string) => Promise<boolean>;
/** Starts the sending of a notice unless it runs. @returns whether it was started */
export type StartNotice = (input: SendNoticeInput) => Promise<boolean>;
/** Hands a message to the process that it is for, which begins with it if none is running. */
export type SendReport = (report: Report) => Promise<unknown>;

export interface SweepDependencies extends SweepRecoveriesDependencies {
  sendReport: SendReport;
  resumeFraudCase: ResumeFraudCase;
  startRefund: StartRefund;
  startNotice: StartNotice;
}

const PAGE = 100;
/** Begins the cursors of notices about fraud cases: payments' ids have no colon. */
const CASE_CURSOR_PREFIX = 'case:';
/** How the ids of notices about cards begin: their pages are the last. */
const CARD_CURSOR_PREFIX = 'expiry:';
/** An accepted message reaches its process, and is recorded, within seconds; what is older may have been lost. */
const REPORT_GRACE_MS = 60_000;
/** Whatever keeps a message from being recorded, it is sent again this often at least. */
const MAX_RESEND_INTERVAL_MS = 24 * 3_600_000;
/** As long as a recovery that has just ended tries by itself; then a child does, under the same id. */
const NOTICE_GRACE_MS = 60_000;
/** As long as a receiver that is away is waited for (specification: interfaces, 'Notifications'). */
const NOTICE_MAX_AGE_MS = 3 * 24 * 3_600_000;
/** Of money that moved a customer wants to hear however late; anything else has been overtaken by then. */
const NON_EXPIRING_TEMPLATES: readonly NoticeTemplate[] = ['recovered', 'refund_issued'];

export function createSweepActivities(dependencies: SweepDependencies): SweepActivities {
  const { graph, resumeFraudCase, startRefund, sendReport, startNotice, now } = dependencies;

  /** @returns whether it was sent */
  async function resend(due: ReportDue): Promise<boolean> {
    const { kind, event_id, about } = due;
    const report = await openReport(graph, due);
    if (report) {
      await sendReport(report);
      return true;
    }
    // Its customer was erased.
    const header = headerOf(activityIdempotencyKey(`clear:${kind}:${event_id}`), occurredAt(now()));
    await clearReports(graph, header, { ...about, reports: [{ kind, event_id }] });
    return false;
  }

  /** Next when they are twice as old: a run that cannot record one yet must not be flooded with it. */
  async function postpone(reports: readonly ReportDue[]): Promise<void> {
    const next = reports.map(({ kind, event_id, at: accepted }) => ({
      ...{ kind, event_id },
      until: now() + Math.min(now() - accepted, MAX_RESEND_INTERVAL_MS),
    }));
    await postponeReports(graph, headerOf(activityIdempotencyKey('postpone'), occurredAt(now())), next);
  }

  const inputsOf = (due: readonly NoticeDue[]) => due.map((notice) => inputOf(notice, now()));

  async function startNotices(due: readonly SendNoticeInput[], next: string | undefined): Promise<SweptPage> {
    let started = 0;
    for (const notice of due) if (await startNotice(notice)) started += 1;
    return { looked_at: due.length, started, ...(next !== undefined && { next }) };
  }

  /** They are true for weeks, or said not to be true any more when they are sent: none is too old for a try. */
  async function sweepCardNotices(after: string): Promise<SweptPage> {
    const due = await findCardNoticesDue(graph, { after, limit: PAGE });
    return startNotices(due, due.length === PAGE ? due.at(-1)?.notification_id : undefined);
  }

  return {
    sweepRecoveries: createSweepRecoveries(dependencies),

    async sweepRefunds({ after }) {
      const { payment_ids, next } = await findRefundsDue(graph, { after, limit: PAGE, now: now() });
      let started = 0;
      for (const paymentId of payment_ids) if (await startRefund(paymentId)) started += 1;
      return { looked_at: payment_ids.length, started, ...(next !== undefined && { next }) };
    },

    async sweepReports({ after }) {
      const page = { after, limit: PAGE, before: now() - REPORT_GRACE_MS, now: now() };
      const { due, next } = await findReportsDue(graph, page);
      let started = 0;
      /** Sent, or not to be sent now: next when they are twice as old. */
      const handled: ReportDue[] = [];
      for (const report of due) {
        try {
          const isSent = await resend(report);
          handled.push(report);
          if (!isSent) continue;
          started += 1;
          log.warn('An accepted message that nothing has recorded was sent again', idsOf(report));
        } catch (error) {
          // One that cannot be opened or sent must not keep the others back.
          log.error('An accepted message could not be sent again', { ...idsOf(report), error });
          if (!isTemporalUnavailable(error)) handled.push(report);
        }
      }
      if (handled.length > 0) await postpone(handled);
      // Retried, and at last told to the workflow: a payment must not be taken up without a STOP that was accepted.
      const refused = due.length - handled.length;
      if (refused > 0)
        throw new PersonaError('temporal_unavailable', `Temporal did not take ${refused} accepted messages`);
      return { looked_at: due.length, started, ...(next !== undefined && { next }) };
    },

    // First those about payments, then those about suspensions, then those about cards.
    async sweepNotices({ after }) {
      if (after.startsWith(CARD_CURSOR_PREFIX)) return sweepCardNotices(after);
      const page = { limit: PAGE, before: now() - NOTICE_GRACE_MS };
      if (after.startsWith(CASE_CURSOR_PREFIX)) {
        const found = await findSuspensionNoticesDue(graph, {
          ...page,
          after: after.slice(CASE_CURSOR_PREFIX.length),
        });
        return startNotices(
          inputsOf(found.due),
          found.last === undefined ? CARD_CURSOR_PREFIX : `${CASE_CURSOR_PREFIX}${found.last}`,
        );
      }
      const { due, last } = await findNoticesDue(graph, { ...page, after });
      return startNotices(inputsOf(due), last ?? CASE_CURSOR_PREFIX);
    },

    async sweepFraudReviews({ after }) {
      const cursor = after === '' ? undefined : (JSON.parse(after) as Pick<FraudReview, 'since' | 'case_id'>);
      const reviews = await getFraudReviews(graph, { limit: PAGE, ...(cursor && { after: cursor }) });
      let started = 0;
      for (const { case_id } of reviews) if (await resumeFraudCase(case_id)) started += 1;
      const last = reviews.length === PAGE ? reviews.at(-1) : undefined;
      const next = last && { next: JSON.stringify({ since: last.since, case_id: last.case_id }) };
      return { looked_at: reviews.length, started, ...next };
    },
  };
}

/** Its run has not got the message, which is sent as soon as Temporal takes it, however old it is. */
function isTemporalUnavailable(error: unknown): boolean {
  return (
    error instanceof PersonaError &&
    (error.type === 'temporal_unavailable' || error.type === 'deadline_exceeded')
  );
}

function idsOf({ kind, event_id, about }: ReportDue) {
  return { kind, event_id, ...about };
}

function occurredAt(now: number): { occurredAt: string } {
  return { occurredAt: new Date(now).toISOString() };
}

function inputOf({ due_since, ...notice }: NoticeDue, now: number): SendNoticeInput {
  const isOld = now - due_since > NOTICE_MAX_AGE_MS && !NON_EXPIRING_TEMPLATES.includes(notice.template);
  return isOld ? { ...notice, given_up: 'nobody could send it for three days' } : notice;
}
