/** What the graph remembers of a notice: before it is handed over only a receipt, afterwards an event. */

import { FAILURE_NOTICES } from '../../domain/recovery/cascade.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph, Reader } from '../graph.ts';
import { noticeId, type ObligationNode } from './records.ts';

/** In whose name notices are remembered, whichever workflow sends them. */
export const NOTICES_CALLER = 'notices';

/** How a try to hand a notice over may begin. */
export type NoticeStart =
  /** Nobody has handed it over. */
  | 'first'
  /** A try began and nobody knows how it ended: the receiver may have it. */
  | 'again'
  /** Another try is under way; whoever asks later is told what came of it. */
  | 'under_way';

export type NoticeResult = 'delivered' | 'undeliverable';

interface Try {
  try_id: string;
  /** Epoch milliseconds. */
  began_at: number;
}

export interface NoticeTry {
  notification_id: string;
  /** What tells this try from others. */
  try_id: string;
}

const RECEIPT = `
  MATCH (r:CommandReceipt {caller: $caller, key: $key})
  RETURN r.result AS result`;

/** How it ended; `undefined`: it did not yet. */
export async function getNoticeResult(
  reader: Reader,
  { caller }: Pick<CommandHeader, 'caller'>,
  notificationId: string,
): Promise<NoticeResult | undefined> {
  const [row] = await reader.read<{ result: string }>(RECEIPT, { caller, key: endKey(notificationId) });
  return row && (JSON.parse(row.result) as { result: NoticeResult }).result;
}

const TOLD = `
  UNWIND $keys AS key
  MATCH (r:CommandReceipt {caller: $caller, key: key})
  RETURN r.at.epochMillis AS at ORDER BY at LIMIT 1`;

/** When the customer was written to about a failure that is not made good yet, if they were since this opening: epoch milliseconds. */
export async function toldOfFailureAt(
  reader: Reader,
  obligation: Pick<ObligationNode, 'payment_id' | 'opened_at'>,
): Promise<number | undefined> {
  const keys = FAILURE_NOTICES.map((template) => endKey(noticeId(obligation, template)));
  const [row] = await reader.read<{ at: number }>(TOLD, { keys, caller: NOTICES_CALLER });
  return row?.at;
}

/**
 * Says that a notice is about to be handed over. Of several at once only one is told to go ahead.
 * @param input.limit after how many milliseconds a try that did not tell how it ended is over all the same
 */
export async function startNotice(
  graph: Graph,
  header: CommandHeader,
  input: NoticeTry & { now: number; limit: number },
): Promise<NoticeStart> {
  const { notification_id, try_id, now, limit } = input;
  const mine: Try = { try_id, began_at: now };
  const begin = { ...header, idempotencyKey: beginKey(notification_id) };
  const known = await runCommand(graph, begin, 'startNotice', { notification_id }, async () => mine);
  if (known.try_id === try_id) return 'first';
  if (now - known.began_at < limit) return 'under_way';
  return (await replaceTry(graph, header, notification_id, known, mine)) ? 'again' : 'under_way';
}

/** Takes back a start: the notice was certainly not handed over, and the next try is a first one again. */
export async function releaseNotice(graph: Graph, header: CommandHeader, input: NoticeTry): Promise<void> {
  const { notification_id, try_id } = input;
  await changeReceipt(graph, header, notification_id, RELEASE, {
    try_id: `"try_id":${JSON.stringify(try_id)},`,
  });
}

// The write that locks the receipt comes first: what is compared is what the lock's last holder left.
const LOCKED = `
  MATCH (r:CommandReceipt {caller: $caller, key: $key})
  SET r.locked = true
  REMOVE r.locked
  WITH r`;
const REPLACE = `${LOCKED} WHERE r.result = $known SET r.result = $mine RETURN true AS changed`;
const RELEASE = `${LOCKED} WHERE r.result CONTAINS $try_id DELETE r RETURN true AS changed`;

function replaceTry(
  graph: Graph,
  header: CommandHeader,
  notificationId: string,
  known: Try,
  mine: Try,
): Promise<boolean> {
  const [from, to] = [known, mine].map((result) => JSON.stringify({ result }));
  return changeReceipt(graph, header, notificationId, REPLACE, { known: from, mine: to });
}

async function changeReceipt(
  graph: Graph,
  header: CommandHeader,
  notificationId: string,
  cypher: string,
  parameters: Record<string, unknown>,
): Promise<boolean> {
  const key = beginKey(notificationId);
  // Not remembered: it says itself what it changes.
  const change = { ...header, idempotencyKey: `${key}:change` };
  return runCommand(graph, change, 'changeNotice', { key, ...parameters }, async (tx) => {
    tx.forget();
    const rows = await tx.run(cypher, { caller: header.caller, key, ...parameters });
    return rows.length > 0;
  });
}

export interface NoticeEnd {
  notification_id: string;
  customer_id: string;
  /** What it is about: a payment, a fraud case or a card. */
  payment_id?: string;
  case_id?: string;
  payment_method_id?: string;
  template: string;
  channel: string | null;
  /** Why it was given up; absent when it was handed over. */
  failure?: string;
}

/** Writes down how a notice ended. The first end stands. @returns that one */
export async function finishNotice(
  graph: Graph,
  header: CommandHeader,
  end: NoticeEnd,
): Promise<NoticeResult> {
  const { notification_id, customer_id, payment_id = null, case_id, payment_method_id } = end;
  const { template, channel, failure } = end;
  const finish = { ...header, idempotencyKey: endKey(notification_id) };
  return runCommand(graph, finish, 'finishNotice', { notification_id }, async (tx): Promise<NoticeResult> => {
    await tx.lockCustomer(customer_id);
    const stream = { stream: 'customer', stream_id: customer_id } as const;
    const about = {
      payment_id,
      ...(case_id !== undefined && { case_id }),
      ...(payment_method_id !== undefined && { payment_method_id }),
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

const beginKey = (notificationId: string) => `notice:${notificationId}`;
const endKey = (notificationId: string) => `notice:${notificationId}:end`;
