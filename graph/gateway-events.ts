/** Which gateway events have been processed, so that none is processed twice. */

import type { CommandHeader } from './kernel/command-header.ts';
import { runCommand } from './kernel/command.ts';
import type { Graph } from './kernel/graph.ts';

/** The scope of receipts for gateway events. */
const CALLER = 'gateway';

/** Cypher: whether this event was received before. Its parameters are those of `receiptOf`. */
export const RECEIVED = 'EXISTS { MATCH (:CommandReceipt {caller: $caller, key: $key}) }';

export const receiptOf = (eventId: string) => ({ caller: CALLER, key: `event:${eventId}` });

/** Whether this event was processed before. */
export async function wasReceived(graph: Graph, eventId: string): Promise<boolean> {
  const [row] = await graph.read<{ received: boolean }>(`RETURN ${RECEIVED} AS received`, receiptOf(eventId));
  return row?.received ?? false;
}

/** Records an event after it has been processed, so that it is not processed again. */
export async function recordGatewayEvent(
  graph: Graph,
  header: Pick<CommandHeader, 'correlationId' | 'occurredAt'>,
  eventId: string,
): Promise<void> {
  const receiptHeader = { ...header, caller: CALLER, actor: CALLER, idempotencyKey: receiptOf(eventId).key };
  await runCommand(graph, receiptHeader, 'recordGatewayEvent', { event_id: eventId }, async () => null);
}
