import type { AnalyticsFeedback } from '../../domain/inbound/analytics-feedback.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx, CustomerNode } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { changeLtv } from './ltv.ts';

const REASON = 'analytics feedback';

/**
 * Applies Oracle's valuation of a customer. Of several, the newest counts, in whichever order they arrive.
 * @param header.occurredAt as of when the customer was valued
 * @throws PersonaError customer_not_found, idempotency_key_reused
 */
export async function applyAnalyticsFeedback(
  graph: Graph,
  header: CommandHeader,
  feedback: AnalyticsFeedback,
): Promise<{ changed: boolean; version: number }> {
  const { customer_id, ltv_minor, segment } = feedback;
  return runCommand(graph, header, 'applyAnalyticsFeedback', feedback, async (tx) => {
    const customer = await tx.lockCustomer(customer_id);
    const ltvChanged = ltv_minor !== undefined && changeLtv(tx, customer, { total_minor: ltv_minor }, REASON);
    const segmentChanged = segment !== undefined && changeSegment(tx, customer, segment);
    return { changed: ltvChanged || segmentChanged, version: tx.versionOf(customer_id) };
  });
}

/** Also if the segment stays: a valuation from before this one must not change it later. */
function changeSegment(tx: CommandTx, customer: CustomerNode, segment: string): boolean {
  const { occurredAt } = tx.header;
  if (occurredAt < (customer.segment_observed_at ?? '')) return false;
  const data = { ...(segment !== customer.segment && { segment }), segment_observed_at: occurredAt };
  tx.append({ stream: 'customer', stream_id: customer.id, type: 'CustomerProfileUpdated', data });
  return true;
}
