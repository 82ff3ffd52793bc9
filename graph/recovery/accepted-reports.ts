/**
 * Reports that an edge has accepted (docs/reference/workflows.md, 'Accepted messages'): stored
 * before their process is signalled, deleted by the transaction that records them. Exempt from the event log, like
 * receipts.
 */

import { PersonaError } from '../../domain/errors.ts';
import {
  type Report,
  type ReportId,
  type ReportSubject,
  subjectOf,
} from '../../domain/workflow-contracts.ts';
import { isExternalPayment } from '../../domain/recovery/messages.ts';
import { runCommand } from '../kernel/command.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { Reader, Sender } from '../kernel/reader.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { Graph } from '../kernel/graph.ts';
import { dataKeyOf } from '../kernel/key-store.ts';

// An existing report is the same one, stored by an edge whose request did not complete.
const ACCEPT = `
  MERGE (r:AcceptedReport {kind: $kind, event_id: $event_id})
  ON CREATE SET r.payment_id = $payment_id, r.case_id = $case_id, r.customer_id = $customer_id, r.body = $body, r.says_paid = $says_paid, r.at = datetime($at)`;

// The same event id at another payment, or another case, identifies another report.
const DELETE_REPORT = `
  MATCH (r:AcceptedReport {kind: $kind, event_id: $event_id})
  WHERE coalesce(r.payment_id, r.case_id) = coalesce($payment_id, $case_id)
  DELETE r`;

/** The field to which the sealed body of a report is bound: it cannot be decrypted as any other field. */
export const sealedFieldOf = ({ kind, event_id }: ReportId) =>
  ['AcceptedReport', `${kind}:${event_id}`, 'body'] as const;

/**
 * Stores an accepted message, sealed with its customer's key.
 * @throws PersonaError customer_not_found if the customer has no key
 */
export async function acceptReport(tx: CommandTx, report: Report, customer_id: string): Promise<void> {
  const { kind, message } = report;
  const key = await dataKeyOf(tx.graph, tx, { label: 'CustomerKey', id: customer_id });
  if (!key) throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  const { event_id } = message;
  const body = key.seal(JSON.stringify(message), ...sealedFieldOf({ kind, event_id }));
  const ids = { kind, event_id, customer_id, ...subjectParameters(subjectOf(report)) };
  tx.send(ACCEPT, { ...ids, body, says_paid: reportsExternalPayment(report), at: tx.recordedAt });
}

/** External payments only: a success of Persona's own attempt must not keep that attempt from being recorded. */
function reportsExternalPayment({ kind, message }: Report): boolean {
  if (kind === 'charge_result') return isExternalPayment(message);
  return kind === 'payment_settled';
}

const READ_EXTERNAL_PAYMENT = `
  MATCH (r:AcceptedReport {payment_id: $payment_id})
  WHERE r.says_paid
  RETURN min(r.at).epochMillis AS since`;

/**
 * When the first accepted report of an external payment for this obligation, not yet recorded by a transaction,
 * arrived: epoch milliseconds. Its run may be lost, or may still be cancelling the payment.
 */
export async function externalPaymentReportedAt(
  reader: Reader,
  payment_id: string,
): Promise<number | undefined> {
  const [row] = await reader.read<{ since: number | null }>(READ_EXTERNAL_PAYMENT, { payment_id });
  return row?.since ?? undefined;
}

/** The same in its own transaction, for an edge that stores its message only after forwarding it. */
export async function storeReport(
  graph: Graph,
  header: Pick<CommandHeader, 'caller' | 'correlationId' | 'occurredAt'>,
  report: Report,
  customer_id: string,
): Promise<void> {
  const idempotencyKey = `accept:${report.kind}:${report.message.event_id}`;
  const ownHeader = { ...header, actor: header.caller, idempotencyKey };
  await runCommand(graph, ownHeader, 'storeReport', report, async (tx) => {
    tx.discardReceipt();
    await acceptReport(tx, report, customer_id);
  });
}

function deleteReport(sender: Sender, { kind, event_id }: ReportId, about: ReportSubject): void {
  sender.send(DELETE_REPORT, { kind, event_id, ...subjectParameters(about) });
}

/** As query parameters: `null` for the id that the report does not have. */
function subjectParameters({ payment_id, case_id }: ReportSubject): {
  payment_id: string | null;
  case_id: string | null;
} {
  return { payment_id: payment_id ?? null, case_id: case_id ?? null };
}

/**
 * Deletes reports of a payment, or of a fraud case, whose messages have been processed or refused. A missing report
 * counts as deleted.
 */
export async function clearReports(
  graph: Graph,
  header: CommandHeader,
  { reports, ...about }: ReportSubject & { reports: readonly ReportId[] },
): Promise<void> {
  await runCommand(graph, header, 'clearReports', { ...about, reports }, async (tx) => {
    tx.discardReceipt();
    for (const report of reports) deleteReport(tx, report, about);
  });
}

/**
 * Runs the command that records a message and deletes the message's report in the same transaction. If the command was
 * executed before, or refuses the message permanently, the repeated report is deleted separately.
 *
 * @param isRecorded `false`: the graph does not hold what the message says yet, so its report stays
 */
export async function runReportCommand<T>(
  graph: Graph,
  header: CommandHeader,
  command: { name: string; body: unknown; report: Report; isRecorded?: (answer: T) => boolean },
  work: (tx: CommandTx) => Promise<T>,
): Promise<T> {
  const { name, body, report, isRecorded = () => true } = command;
  const about = subjectOf(report);
  const id = { kind: report.kind, event_id: report.message.event_id };
  const clear = () => {
    const idempotencyKey = `clear:${header.idempotencyKey}`;
    return clearReports(graph, { ...header, idempotencyKey }, { ...about, reports: [id] });
  };
  let done = false;
  try {
    const answer = await runCommand(graph, header, name, body, async (tx) => {
      const decided = await work(tx);
      if (isRecorded(decided)) deleteReport(tx, id, about);
      done = true;
      return decided;
    });
    if (!done && isRecorded(answer)) await clear();
    return answer;
  } catch (error) {
    if (error instanceof PersonaError && error.type === 'idempotency_key_reused') await clear();
    throw error;
  }
}
