/** What the graph stores of a notice: its lease while a try is in progress, then its outcome. */

import type { NoticeState } from '../../domain/notices/state.ts';
import { FAILURE_NOTICES } from '../../domain/recovery/cascade.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { Reader } from '../kernel/reader.ts';
import { runCommand } from '../kernel/command.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { Graph } from '../kernel/graph.ts';
import { noticeId, type ObligationNode } from './records.ts';

/** The caller under which notices are recorded, whichever workflow sends them. */
export const NOTICES_CALLER = 'notices';

export type NoticeResult = 'delivered' | 'undeliverable';

/** Whether and how a try to deliver a notice may start. */
export type NoticeLease =
  /** No earlier try is known. */
  | 'first'
  /** An earlier try started and never reported its outcome: the recipient may have the notice. */
  | 'again'
  /** Another try is in progress; a later one learns its outcome. */
  | 'under_way'
  /** It has ended already. */
  | NoticeResult;

export interface NoticeTry {
  notification_id: string;
  /** Distinguishes this try from others. */
  try_id: string;
}

/** A withdrawn notice has not ended: it may become due again. */
const RESULTS: Readonly<Partial<Record<string, NoticeResult>>> = {
  sent: 'delivered',
  failed: 'undeliverable',
} satisfies Partial<Record<NoticeState, NoticeResult>>;

const READ_STATE = 'MATCH (n:Notice {notification_id: $notification_id}) RETURN n.state AS state';

/** How it ended; `undefined`: it has not ended yet. */
export async function getNoticeResult(
  reader: Reader,
  notification_id: string,
): Promise<NoticeResult | undefined> {
  const [row] = await reader.read<{ state: NoticeState | null }>(READ_STATE, { notification_id });
  return RESULTS[row?.state ?? ''];
}

const NOTIFIED = `
  UNWIND $ids AS id
  MATCH (n:Notice {notification_id: id})
  WHERE n.ended_at IS NOT NULL
  RETURN n.ended_at.epochMillis AS at ORDER BY at LIMIT 1`;

/** When the customer was first notified, since this opening, that the payment had failed: epoch milliseconds. */
export async function notifiedOfFailureAt(
  reader: Reader,
  obligation: Pick<ObligationNode, 'payment_id' | 'opened_at'>,
): Promise<number | undefined> {
  const ids = FAILURE_NOTICES.map((template) => noticeId(obligation, template));
  const [row] = await reader.read<{ at: number }>(NOTIFIED, { ids });
  return row?.at;
}

// The write that locks the notice comes first, so that the comparison reads what the lock's last holder wrote.
const LEASE = `
  MERGE (n:Notice {notification_id: $notification_id})
  SET n.locked = true
  REMOVE n.locked
  WITH n, CASE
    WHEN n.state IN ['sent', 'failed'] THEN n.state
    WHEN n.lease_holder IS NULL OR n.lease_holder = $try_id THEN 'first'
    WHEN n.leased_at.epochMillis > $now - $limit THEN 'under_way'
    ELSE 'again' END AS start
  FOREACH (_ IN CASE WHEN start IN ['first', 'again'] THEN [1] ELSE [] END |
    SET n.lease_holder = $try_id, n.leased_at = datetime({epochMillis: $now}))
  RETURN start`;

/**
 * Leases a notice to a try that is about to deliver it. Of several concurrent tries only one may proceed.
 * @param input.limit milliseconds after which a try that has not reported its outcome counts as ended
 */
export function leaseNotice(
  graph: Graph,
  header: CommandHeader,
  input: NoticeTry & { now: number; limit: number },
): Promise<NoticeLease> {
  return changeLease(graph, header, 'leaseNotice', input, async (tx) => {
    const [row] = await tx.run<{ start: NoticeState | NoticeLease }>(LEASE, { ...input });
    if (!row) throw new Error(`notice ${input.notification_id} could not be leased`);
    return RESULTS[row.start] ?? (row.start as NoticeLease);
  });
}

const RELEASE = `
  MATCH (n:Notice {notification_id: $notification_id})
  SET n.locked = true
  REMOVE n.locked
  WITH n WHERE n.lease_holder = $try_id
  REMOVE n.lease_holder, n.leased_at`;

/** Releases the lease: the notice was certainly not delivered, and the next try counts as the first again. */
export function releaseNotice(graph: Graph, header: CommandHeader, input: NoticeTry): Promise<void> {
  return changeLease(graph, header, 'releaseNotice', input, async (tx) => tx.send(RELEASE, { ...input }));
}

/** A lease has no event and no receipt: it names its holder itself (docs/reference/graph.md, 'Invariants' 4). */
function changeLease<T>(
  graph: Graph,
  header: CommandHeader,
  name: string,
  { notification_id, try_id }: NoticeTry,
  change: (tx: CommandTx) => Promise<T>,
): Promise<T> {
  const body = { notification_id, try_id };
  const idempotencyKey = `notice:${notification_id}:${name}:${try_id}`;
  return runCommand(graph, { ...header, idempotencyKey }, name, body, (tx) => {
    tx.discardReceipt();
    return change(tx);
  });
}

export interface NoticeEnd {
  notification_id: string;
  customer_id: string;
  /** What it is about: a payment, a fraud case or a card. */
  payment_id?: string;
  case_id?: string;
  payment_method_id?: string;
  contest_id?: string;
  template: string;
  channel: string | null;
  /** Why it was given up; absent if it was sent. */
  failure?: string;
}

/** Records the outcome of a notice. The first outcome counts. @returns that outcome */
export async function finishNotice(
  graph: Graph,
  header: CommandHeader,
  end: NoticeEnd,
): Promise<NoticeResult> {
  const { notification_id, customer_id, payment_id = null, case_id, payment_method_id, contest_id } = end;
  const { template, channel, failure } = end;
  const finish = { ...header, idempotencyKey: endKey(notification_id) };
  return runCommand(graph, finish, 'finishNotice', { notification_id }, async (tx): Promise<NoticeResult> => {
    await tx.lockCustomer(customer_id);
    const stream = { stream: 'customer', stream_id: customer_id } as const;
    const about = {
      payment_id,
      ...(case_id !== undefined && { case_id }),
      ...(payment_method_id !== undefined && { payment_method_id }),
      ...(contest_id !== undefined && { contest_id }),
    };
    const data = { notification_id, template, ...about };
    if (failure === undefined) {
      tx.append({ ...stream, type: 'NoticeSent', data: { ...data, channel: channel ?? 'email' } });
      return 'delivered';
    }
    tx.append({ ...stream, type: 'NoticeFailed', data: { ...data, channel, reason: failure } });
    return 'undeliverable';
  });
}

const endKey = (notificationId: string) => `notice:${notificationId}:end`;
