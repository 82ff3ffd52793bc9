/** Which of the gateway's events were handed on: none is handed on twice. */

import { type CommandHeader, runCommand } from './command.ts';
import type { Graph } from './graph.ts';

/** Receipts of the gateway's events have a scope of their own. */
const CALLER = 'gateway';

/** Cypher: was this event taken before? Its parameters are those of `receiptOf`. */
export const RECEIVED = 'EXISTS { MATCH (:CommandReceipt {caller: $caller, key: $key}) }';

export const receiptOf = (eventId: string) => ({ caller: CALLER, key: `event:${eventId}` });

/** Was this event handed on before? */
export async function wasReceived(graph: Graph, eventId: string): Promise<boolean> {
  const [row] = await graph.read<{ received: boolean }>(`RETURN ${RECEIVED} AS received`, receiptOf(eventId));
  return row?.received ?? false;
}

/** Remembers an event once it has been handed on, so that it is not handed on again. */
export async function recordGatewayEvent(
  graph: Graph,
  header: Pick<CommandHeader, 'correlationId' | 'occurredAt'>,
  eventId: string,
): Promise<void> {
  const receiptHeader = { ...header, caller: CALLER, actor: CALLER, idempotencyKey: receiptOf(eventId).key };
  await runCommand(graph, receiptHeader, 'rememberGatewayEvent', { event_id: eventId }, async () => null);
}
