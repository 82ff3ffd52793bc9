/** What closed recoveries say in words: their descriptions and notices. Attempts stay, because they ban cards and count. */

import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';
import { retentionHeader } from './header.ts';
import { type Due, type Page, pageParameters, toDue } from './page.ts';
import { redact, type StoredData } from './redact.ts';

// Of a recovery that awaits nothing any more: a refund that is left to an operator has yet to be announced.
const IS_DUE = `o.closed_at < datetime($before)
  AND o.notices_due IS NULL AND o.refunds_due IS NULL AND o.refunds_failed IS NULL
  AND (o.description IS NOT NULL OR EXISTS { MATCH (:Notice {payment_id: o.payment_id}) })`;
const FIND = `
  MATCH (o:Obligation) WHERE o.payment_id > $after
  WITH o ORDER BY o.payment_id LIMIT $limit
  RETURN count(o) AS read, max(o.payment_id) AS last,
    collect(CASE WHEN ${IS_DUE} THEN o {.payment_id, .customer_id} END) AS due`;
const READ_DUE = `
  MATCH (o:Obligation {payment_id: $payment_id}) WHERE o.customer_id = $customer_id
  RETURN ${IS_DUE} AS due`;
const EVENTS = `
  MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.seq > 0
    AND e.type IN ['RecoveryOpened', 'RecoveryReopened']
    AND e.data CONTAINS $payment AND e.data CONTAINS '"description":"'
  RETURN e.id AS id, e.seq AS seq, e.data AS data`;

/** A recovery and its customer. */
export interface RecoveryRef {
  payment_id: string;
  customer_id: string;
}

/** The recoveries of a page that are due. @throws PersonaError graph_unavailable */
export async function findOldRecoveries(reader: Reader, page: Page): Promise<Due<RecoveryRef>> {
  return toDue(await reader.read(FIND, pageParameters(page)), page);
}

/**
 * Removes the description and the notices of a recovery, and the description from its events.
 * @param input.before epoch milliseconds
 * @returns `false`: it was reopened, or it has been done
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export function forgetRecovery(
  graph: Graph,
  { payment_id, customer_id, before }: RecoveryRef & { before: number },
): Promise<boolean> {
  const header = retentionHeader(`recovery:${payment_id}`, graph.now());
  return runCommand(graph, header, 'forgetRecovery', { payment_id }, async (tx) => {
    // What is left to do is in the graph.
    tx.discardReceipt();
    await tx.lockCustomer(customer_id);
    const parameters = { payment_id, customer_id, before: new Date(before).toISOString() };
    const [recovery] = await tx.run<{ due: boolean | null }>(READ_DUE, parameters);
    if (recovery?.due !== true) return false;
    const payment = `"payment_id":${JSON.stringify(payment_id)}`;
    redact(tx, await tx.run<StoredData>(EVENTS, { customer_id, payment }), ['description']);
    tx.append({
      ...{ stream: 'customer', stream_id: customer_id },
      ...{ type: 'RecoveryForgotten', data: { payment_id } },
    });
    return true;
  });
}
