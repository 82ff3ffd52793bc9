/** Accepted reports that no transaction has recorded: what the sweep sends again. */

import {
  REPORT_SIGNALS,
  type Report,
  type ReportId,
  type ReportSubject,
} from '../../domain/workflow-contracts.ts';
import { type CommandHeader, runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';
import { dataKeyOf } from '../key-store.ts';
import { sealedFieldOf } from './accepted-reports.ts';

export interface ReportDue extends ReportId {
  /** The payment or fraud case that it is about. */
  about: ReportSubject;
  customer_id: string;
  /** Sealed; `openReport` decrypts it. */
  body: string;
  /** When it was accepted: epoch milliseconds. */
  at: number;
}

// With OR instead of CASE the planner seeks twice and sorts everything. `send_after` is set by `postponeReports`.
const DUE = `
  MATCH (r:AcceptedReport)
  WHERE r.at < datetime($before) AND r.at >= datetime($after.at) AND r.kind IN $kinds
    AND CASE WHEN r.at > datetime($after.at) THEN true ELSE [r.kind, r.event_id] > [$after.kind, $after.event_id] END
    AND coalesce(r.send_after, r.at) <= datetime($now)
  WITH r ORDER BY r.at, r.kind, r.event_id LIMIT $limit
  RETURN r {.kind, .event_id, .customer_id, .body, about: CASE WHEN r.case_id IS NULL THEN r {.payment_id} ELSE r {.case_id} END, at: r.at.epochMillis, accepted: toString(r.at)} AS report`;

interface Cursor extends Pick<ReportDue, 'event_id'> {
  kind: string;
  /** RFC 3339. */
  at: string;
}

const FIRST: Cursor = { at: '1970-01-01T00:00:00Z', kind: '', event_id: '' };

/**
 * A page of the reports to be sent again, oldest first.
 *
 * @param input.after the cursor that the previous page returned, or empty
 * @param input.before epoch milliseconds: reports accepted later are left to their own signal
 * @param input.now epoch milliseconds
 * @returns `next`: the cursor of the next page; absent: there are no more pages
 */
export async function findReportsDue(
  graph: Graph,
  input: { after: string; limit: number; before: number; now: number },
): Promise<{ due: ReportDue[]; next?: string }> {
  const { after, limit, before, now } = input;
  const rows = await graph.read<{ report: ReportDue & { accepted: string } }>(DUE, {
    after: after === '' ? FIRST : (JSON.parse(after) as Cursor),
    kinds: Object.keys(REPORT_SIGNALS),
    before: new Date(before).toISOString(),
    now: new Date(now).toISOString(),
    limit,
  });
  const due = rows.map(({ report: { accepted: _, ...report } }) => report);
  const last = rows.length === limit ? rows.at(-1)?.report : undefined;
  if (last === undefined) return { due };
  const { accepted: at, kind, event_id } = last;
  return { due, next: JSON.stringify({ at, kind, event_id } satisfies Cursor) };
}

/**
 * The message of a report. `undefined`: its customer's key was destroyed, and so the message is lost.
 * @throws PersonaError key_unavailable, graph_unavailable, internal (it was altered)
 */
export async function openReport(graph: Graph, report: ReportDue): Promise<Report | undefined> {
  const key = await dataKeyOf(graph, graph, { label: 'CustomerKey', id: report.customer_id });
  if (key === undefined) return undefined;
  const { kind } = report;
  return { kind, message: JSON.parse(key.open(report.body, ...sealedFieldOf(report))) } as Report;
}

const POSTPONE = `
  MATCH (r:AcceptedReport {kind: $kind, event_id: $event_id})
  SET r.send_after = datetime($send_after)`;

/** Postpones sending reports again. @param reports each with the time until which: epoch milliseconds */
export async function postponeReports(
  graph: Graph,
  header: CommandHeader,
  reports: readonly (ReportId & { until: number })[],
): Promise<void> {
  await runCommand(graph, header, 'postponeReports', reports, async (tx) => {
    tx.discardReceipt();
    for (const { kind, event_id, until } of reports)
      tx.send(POSTPONE, { kind, event_id, send_after: new Date(until).toISOString() });
  });
}
