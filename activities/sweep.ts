import { log } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import type { NoticeTemplate } from '../domain/ports.ts';
import type { Report, SendNoticeInput } from '../domain/workflow-contracts.ts';
import { findCardNoticesDue } from '../graph/expiry/index.ts';
import { findRunningErasures } from '../graph/erasure/index.ts';
import {
  findContestNoticesDue,
  findSuspensionNoticesDue,
  type FraudReview,
  getFraudReviews,
  getOpenContests,
  type OpenContest,
} from '../graph/index.ts';
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

/** Restarts the process of a fraud case unless it is running. @returns whether it was started */
export type ResumeFraudCase = (caseId: string) => Promise<boolean>;
/** Starts the process of a contest unless it is running. @returns whether it was started */
export type StartContest = (contestId: string) => Promise<boolean>;
/** Starts the due refunds of a payment unless a run is in progress. @returns whether it was started */
export type StartRefund = (paymentId: string) => Promise<boolean>;
/** Starts sending a notice unless a run is in progress. @returns whether it was started */
export type StartNotice = (input: SendNoticeInput) => Promise<boolean>;
/** Starts the process of an erasure unless it runs. @returns whether it was started */
export type StartErasure = (erasureId: string) => Promise<boolean>;
/** Deletes a page of executions that ended because their customer is unknown. @returns how many it deleted */
export type DeleteExecutionsOfGone = () => Promise<number>;
/** Sends a report to its process, and starts that if it is not running. */
export type SendReport = (report: Report) => Promise<unknown>;

export interface SweepDependencies extends SweepRecoveriesDependencies {
  sendReport: SendReport;
  resumeFraudCase: ResumeFraudCase;
  startContest: StartContest;
  startRefund: StartRefund;
  startNotice: StartNotice;
  startErasure: StartErasure;
  deleteExecutionsOfGone: DeleteExecutionsOfGone;
}

const PAGE = 100;
/** The prefix of cursors of notices about fraud cases; payment ids have no colon. */
const CASE_CURSOR_PREFIX = 'case:';
/** The prefix of the ids of notices about contests, and of the cursors of their pages. */
const CONTEST_CURSOR_PREFIX = 'contest:';
/** The prefix of the ids of notices about cards, whose pages are the last. */
const CARD_CURSOR_PREFIX = 'expiry:';
/** An accepted report reaches its process, and is recorded, within seconds; an older one may have been lost. */
const REPORT_GRACE_MS = 60_000;
/** An unrecorded report is sent again at least at this interval. */
const MAX_RESEND_INTERVAL_MS = 24 * 3_600_000;
/** As long as a recovery that has just ended tries to deliver it; then a child with the same id does. */
const NOTICE_GRACE_MS = 60_000;
/** How long Persona waits for an unavailable receiver (docs/reference/workflows.md, 'Notices'). */
const NOTICE_MAX_AGE_MS = 3 * 24 * 3_600_000;
/** Notices about moved money and decisions, which are sent however late; any other notice is outdated by then. */
const NON_EXPIRING_TEMPLATES: readonly NoticeTemplate[] = ['recovered', 'refund_issued', 'contest_decided'];

export function createSweepActivities(dependencies: SweepDependencies): SweepActivities {
  const { graph, resumeFraudCase, startContest, startRefund, sendReport, startNotice, startErasure, now } =
    dependencies;

  /** @returns whether it was sent */
  async function resend(due: ReportDue): Promise<boolean> {
    const { kind, event_id, about } = due;
    const report = await openReport(graph, due);
    if (report) {
      await sendReport(report);
      return true;
    }
    // The customer was erased.
    const header = headerOf(activityIdempotencyKey(`clear:${kind}:${event_id}`), occurredAt(now()));
    await clearReports(graph, header, { ...about, reports: [{ kind, event_id }] });
    return false;
  }

  /** Until they are twice as old: a run that cannot record a report yet must not be flooded with it. */
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

  /** They stay valid for weeks, and are checked when they are sent: none is too old to try. */
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
      /** Sent, or not sendable now: postponed. */
      const handled: ReportDue[] = [];
      for (const report of due) {
        try {
          const isSent = await resend(report);
          handled.push(report);
          if (!isSent) continue;
          started += 1;
          log.warn('unrecorded report sent again', idsOf(report));
        } catch (error) {
          // A report that cannot be decrypted or sent must not hold up the others.
          log.error('unrecorded report could not be sent again', { ...idsOf(report), error });
          if (!isTemporalUnavailable(error)) handled.push(report);
        }
      }
      if (handled.length > 0) await postpone(handled);
      // Retried, and finally a failure of the workflow: a recovery must not be restarted without an accepted STOP.
      const refused = due.length - handled.length;
      if (refused > 0)
        throw new PersonaError('temporal_unavailable', `Temporal did not accept ${refused} reports`);
      return { looked_at: due.length, started, ...(next !== undefined && { next }) };
    },

    // Notices about payments first, then about suspensions, contests, and cards.
    async sweepNotices({ after }) {
      if (after.startsWith(CARD_CURSOR_PREFIX)) return sweepCardNotices(after);
      const page = { limit: PAGE, before: now() - NOTICE_GRACE_MS };
      if (after.startsWith(CONTEST_CURSOR_PREFIX)) {
        const due = await findContestNoticesDue(graph, { ...page, after });
        const last = due.length === PAGE ? due.at(-1)?.notification_id : undefined;
        return startNotices(inputsOf(due), last ?? CARD_CURSOR_PREFIX);
      }
      if (after.startsWith(CASE_CURSOR_PREFIX)) {
        const found = await findSuspensionNoticesDue(graph, {
          ...page,
          after: after.slice(CASE_CURSOR_PREFIX.length),
        });
        return startNotices(
          inputsOf(found.due),
          found.last === undefined ? CONTEST_CURSOR_PREFIX : `${CASE_CURSOR_PREFIX}${found.last}`,
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

    async sweepErasures({ after }) {
      const erasures = await findRunningErasures(graph, { after, limit: PAGE });
      let started = 0;
      for (const { erasure_id } of erasures) if (await startErasure(erasure_id)) started += 1;
      const last = erasures.length === PAGE ? erasures.at(-1)?.erasure_id : undefined;
      if (last === undefined) await dependencies.deleteExecutionsOfGone();
      return { looked_at: erasures.length, started, ...(last !== undefined && { next: last }) };
    },

    async sweepContests({ after }) {
      const cursor =
        after === '' ? undefined : (JSON.parse(after) as Pick<OpenContest, 'since' | 'contest_id'>);
      const open = await getOpenContests(graph, { limit: PAGE, ...(cursor && { after: cursor }) });
      let started = 0;
      for (const { contest_id } of open) if (await startContest(contest_id)) started += 1;
      const last = open.length === PAGE ? open.at(-1) : undefined;
      const next = last && { next: JSON.stringify({ since: last.since, contest_id: last.contest_id }) };
      return { looked_at: open.length, started, ...next };
    },
  };
}

/** The run has not received the report, which is sent as soon as Temporal accepts it, however old it is. */
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
  return isOld ? { ...notice, given_up: 'not sent within three days' } : notice;
}
