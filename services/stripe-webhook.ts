import { setTimeout } from 'node:timers/promises';
import type { GatewayNews } from '../domain/ports.ts';
import type { ChargeResult } from '../domain/recovery/messages.ts';
import { isUnderWay, messageOf, type NewsMatter, type NewsMessage } from '../domain/recovery/news.ts';
import { type Graph, rememberGatewayEvent } from '../graph/index.ts';
import { findNewsMatter, keepReport } from '../graph/recovery/index.ts';
import { followGateway, signalRecovery, tellRecoveries } from '../temporal/starts.ts';
import type { ServiceDeps } from './deps.ts';
import { findChange } from './gateway-changes.ts';
import type { Caller } from './request.ts';

/** Stripe does not wait for long, and what is refused comes again. */
const PATIENCE_MS = 5_000;

/** Between two looks at a charge that is under way. */
const OVERTAKEN_MS = [50, 100, 200, 400, 800];

/** `known`: this event was handed on before, or the graph has what it tells. `ignored`: none of Persona's business. */
export type WebhookAnswer = { result: 'accepted' | 'known' | 'ignored' };

/**
 * Hands the gateway's news to the process that they concern (specification: interfaces, `/webhooks/stripe`): of a payment
 * to its recovery, anything else to one that follows the gateway. Remembered only after Temporal has it: what breaks off
 * half-way comes again, and whoever hears of it reads it at the gateway. A message for a recovery is written down first:
 * the sweep sends it, whatever becomes of the signal or of the run.
 *
 * @throws PersonaError signature_refused, malformed_request, graph_unavailable, temporal_unavailable,
 *   deadline_exceeded
 */
export async function takeStripeWebhook(
  { graph, temporal, gatewayEvents }: ServiceDeps,
  caller: Caller,
  { body, signature }: { body: Uint8Array; signature?: string },
): Promise<WebhookAnswer> {
  const news = gatewayEvents.read(body, signature);
  if (news === undefined) return { result: 'ignored' };
  const found = await (news.about === 'payment' ? findCharge(graph, news) : findChange(graph, news));
  if (found === undefined) return { result: 'ignored' };
  if (found.known) return { result: 'known' };
  const header = { correlationId: caller.correlationId, occurredAt: new Date().toISOString() };
  if ('message' in found) {
    const report = { kind: 'charge_result', message: found.message } as const;
    await keepReport(graph, { ...header, caller: 'gateway' }, report, found.customer_id);
  }
  const deadline = new Date(Date.now() + PATIENCE_MS);
  await temporal.withDeadline<unknown>(deadline, () =>
    'change' in found
      ? followGateway(temporal, found.customer_id, found.change)
      : found.authenticated
        ? signalAuthenticated(temporal, found.message)
        : signalRecovery(temporal, 'chargeResult', found.message),
  );
  await rememberGatewayEvent(graph, header, news.event_id);
  return { result: 'accepted' };
}

/** What a recovery is to hear of a charge; `undefined`: none of Persona's business. */
async function findCharge(graph: Graph, news: GatewayNews): Promise<NewsMessage | undefined> {
  const matter = await findMatterOf(graph, news);
  return matter && messageOf(news, matter);
}

function signalAuthenticated(
  temporal: ServiceDeps['temporal'],
  { payment_id, event_id, gateway_ref }: ChargeResult,
): Promise<void> {
  return tellRecoveries(temporal, [payment_id], 'paymentAuthenticated', { event_id, gateway_ref });
}

/**
 * The news of a charge overtakes its answer, which the recovery is about to write down: a moment later there is nothing
 * left to tell, which saves each recovery a signal. Whoever waits in vain is handed on.
 */
async function findMatterOf(graph: Graph, news: GatewayNews): Promise<NewsMatter | undefined> {
  let matter = await findNewsMatter(graph, news);
  for (const wait of OVERTAKEN_MS) {
    if (!matter || !isUnderWay(news, matter)) break;
    await setTimeout(wait);
    matter = await findNewsMatter(graph, news);
  }
  return matter;
}
