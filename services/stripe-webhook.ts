import { setTimeout } from 'node:timers/promises';
import type { GatewayNews } from '../domain/ports.ts';
import type { ChargeResult } from '../domain/recovery/messages.ts';
import { type Graph, rememberGatewayEvent } from '../graph/index.ts';
import { findNewsMatter, type NewsMatter } from '../graph/recovery/index.ts';
import { followGateway, signalRecovery } from '../temporal/starts.ts';
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
 * half-way comes again, and whoever hears of it reads it at the gateway.
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
  const deadline = new Date(Date.now() + PATIENCE_MS);
  await temporal.withDeadline<unknown>(deadline, () =>
    'message' in found
      ? signalRecovery(temporal, 'chargeResult', found.message)
      : followGateway(temporal, found.customer_id, found.change),
  );
  const header = { correlationId: caller.correlationId, occurredAt: new Date().toISOString() };
  await rememberGatewayEvent(graph, header, news.event_id);
  return { result: 'accepted' };
}

/** What a recovery is to hear of a charge; `undefined`: none of Persona's business. */
async function findCharge(
  graph: Graph,
  news: GatewayNews,
): Promise<{ message: ChargeResult; known: boolean } | undefined> {
  const matter = await findMatterOf(graph, news);
  if (matter === undefined || isOfOtherCustomer(news, matter)) return undefined;
  const attempt = attemptOf(news, matter);
  const { event_id, gateway_ref, result, codes } = news;
  const message: ChargeResult = {
    ...codes,
    event_id,
    payment_id: matter.payment_id,
    ...(attempt && { attempt_key: attempt.key }),
    gateway_ref,
    result,
  };
  return { message, known: matter.received || isKnown(news, matter, attempt) };
}

/**
 * The news of a charge overtakes its answer, which the recovery is about to write down: a moment later there is nothing
 * left to tell, which saves each recovery a signal. Whoever waits in vain is handed on.
 */
async function findMatterOf(graph: Graph, news: GatewayNews): Promise<NewsMatter | undefined> {
  let matter = await findNewsMatter(graph, news);
  for (const wait of OVERTAKEN_MS) {
    if (!matter || matter.received || attemptOf(news, matter)?.state !== 'in_flight') break;
    await setTimeout(wait);
    matter = await findNewsMatter(graph, news);
  }
  return matter;
}

/**
 * Others use the same gateway: a payment of another customer is not the one of that name here. The obligation's own is,
 * also if its customer has another reference by now.
 */
function isOfOtherCustomer(news: GatewayNews, matter: NewsMatter): boolean {
  const { gateway_customer_ref: customer } = matter;
  if (news.gateway_ref === matter.gateway_ref) return false;
  return customer !== undefined && news.gateway_customer_ref !== customer;
}

/** By the key of its request; what happens later, by itself, has none: then the newest attempt on its method. */
function attemptOf(
  { request_key }: GatewayNews,
  { attempts, payment_method_id }: NewsMatter,
): NewsMatter['attempts'][number] | undefined {
  const named = attempts.find(({ key }) => key === request_key);
  return named ?? attempts.findLast((attempt) => attempt.payment_method_id === payment_method_id);
}

/** Does the graph hold it already? Then no run has to begin again for it. A payment succeeds at most once. */
function isKnown(
  { result, gateway_ref }: GatewayNews,
  matter: NewsMatter,
  attempt: NewsMatter['attempts'][number] | undefined,
): boolean {
  if (gateway_ref !== matter.gateway_ref) return false;
  if (result === 'cancelled') return matter.state !== 'open' && matter.state !== 'needs_review';
  if (attempt?.state === 'approved') return true;
  return result === attempt?.state || (result === 'pending' && attempt?.state === 'declined');
}
