/** What the gateway changed of a method or of a payment by itself, handed to the process that reads it there. */

import type { DisputeNews, MandateNews, MethodNews, RefundNews } from '../domain/ports.ts';
import type { GatewayChange } from '../domain/processes.ts';
import { findMethodMatter, type Graph, wasReceived } from '../graph/index.ts';
import { findRefundMatter } from '../graph/recovery/index.ts';

/** A change of something that is Persona's, or may be. */
export interface ChangeMatter {
  /** Absent: only the gateway knows whose method was charged. */
  customer_id?: string;
  change: GatewayChange;
  /** There is nothing to do: the event was handed on before, or its method is in no wallet any more. */
  known: boolean;
}

/** `undefined`: none of Persona's business. @throws PersonaError graph_unavailable */
export async function findChange(
  graph: Graph,
  news: MethodNews | MandateNews | RefundNews | DisputeNews,
): Promise<ChangeMatter | undefined> {
  const { event_id } = news;
  if ('dispute_ref' in news) {
    const { about: changed, dispute_ref, charge_ref } = news;
    const change: GatewayChange = { event_id, changed, dispute_ref, charge_ref };
    return { change, known: await wasReceived(graph, event_id) };
  }
  if (news.about === 'refund') {
    const matter = await findRefundMatter(graph, news);
    if (matter === undefined) return undefined;
    const { customer_id, payment_id, received } = matter;
    const { gateway_ref } = news;
    return {
      customer_id,
      change: { event_id, changed: 'refunds', payment_id, gateway_ref },
      known: received,
    };
  }
  const matter = await findMethodMatter(graph, news);
  if (matter === undefined) return undefined;
  const { customer_id, payment_method_id, removed, received } = matter;
  const change: GatewayChange =
    news.about === 'mandate'
      ? { event_id, changed: 'mandate', payment_method_id, mandate_ref: news.mandate_ref }
      : { event_id, changed: 'payment_method', payment_method_id };
  return { customer_id, change, known: removed || received };
}
