import { setTimeout } from 'node:timers/promises';
import type { GatewayNews } from '../domain/ports.ts';
import type { ChargeResult } from '../domain/recovery/messages.ts';
import { type Graph, rememberGatewayEvent } from '../graph/index.ts';
import { findNewsMatter, keepReport, type NewsMatter } from '../graph/recovery/index.ts';
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
async function findCharge(
  graph: Graph,
  news: GatewayNews,
): Promise<
  { message: ChargeResult; customer_id: string; known: boolean; authenticated: boolean } | undefined
> {
  const matter = await findMatterOf(graph, news);
  if (matter === undefined || isOfOtherCustomer(news, matter)) return undefined;
  const attempt = attemptOf(news, matter);
  const { event_id, gateway_ref, occurred_at, result, codes } = news;
  // Of another payment for this obligation only its success matters: then the obligation is paid.
  if (result !== 'approved' && !mayBeOwn(news, matter)) return undefined;
  const message: ChargeResult = {
    ...codes,
    event_id,
    ...(occurred_at && { occurred_at }),
    payment_id: matter.payment_id,
    ...(attempt && { attempt_key: attempt.key }),
    gateway_ref,
    result,
  };
  const authenticated = isAuthenticated(news, matter);
  const known = matter.received || (!authenticated && isKnown(news, matter, attempt));
  return { message, customer_id: matter.customer_id, known, authenticated };
}

/**
 * The customer has completed the authentication at the gateway, and the payment is being processed. One that succeeded is
 * sent as `chargeResult` instead, which also starts a run where there is none.
 */
function isAuthenticated({ result, gateway_ref }: GatewayNews, matter: NewsMatter): boolean {
  const newest = matter.attempts.at(-1);
  if (result !== 'pending' || gateway_ref !== matter.gateway_ref) return false;
  return newest?.state === 'declined' && newest.class === 'AUTH' && matter.state === 'open';
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
    if (!matter || matter.received || attemptOf(news, matter)?.state !== 'in_flight') break;
    await setTimeout(wait);
    matter = await findNewsMatter(graph, news);
  }
  return matter;
}

/**
 * Others use the same gateway: a payment of another customer is not the one of that name here. The obligation's own is,
 * also if its customer has another reference by now. A guest's may be: a payment link knows no customer, and whether it
 * paid the obligation is read at the gateway.
 */
function isOfOtherCustomer(news: GatewayNews, matter: NewsMatter): boolean {
  const { gateway_customer_ref: customer } = news;
  if (news.gateway_ref === matter.gateway_ref || customer === undefined) return false;
  return matter.gateway_customer_ref !== undefined && matter.gateway_customer_ref !== customer;
}

/** The obligation's own payment; or the one that its report names; or one whose creation got no answer. */
function mayBeOwn({ gateway_ref }: GatewayNews, matter: NewsMatter): boolean {
  const { gateway_ref: own, reported_ref } = matter;
  return gateway_ref === own || gateway_ref === reported_ref || (own === undefined && mayHaveCreated(matter));
}

function mayHaveCreated({ attempts }: NewsMatter): boolean {
  return attempts.some(({ state }) => state === 'in_flight' || state === 'unknown');
}

/**
 * By the key of its request; what happens later, by itself, has none: then the newest attempt on its method. No attempt of
 * ours was made on a payment of others; and one that is known to have succeeded by another payment has paid twice, which is
 * handled like a second payment of others.
 */
function attemptOf(news: GatewayNews, matter: NewsMatter): NewsMatter['attempts'][number] | undefined {
  const { attempts, payment_method_id } = matter;
  const named = attempts.find(({ key }) => key === news.request_key);
  const isOwn = news.gateway_ref === matter.gateway_ref;
  if (news.result === 'approved' && named?.state === 'approved' && !isOwn) return undefined;
  const isReported = news.gateway_ref === matter.reported_ref;
  // The reported payment that was not adopted is one of others, also where it was charged with the same method.
  if (named || (isReported && !isOwn) || !mayBeOwn(news, matter)) return named;
  return attempts.findLast((attempt) => attempt.payment_method_id === payment_method_id);
}

/** Does the graph hold it already? Then no run has to begin again for it. A payment succeeds at most once. */
function isKnown(
  { result, gateway_ref }: GatewayNews,
  matter: NewsMatter,
  attempt: NewsMatter['attempts'][number] | undefined,
): boolean {
  if (result === 'approved' && gateway_ref === matter.settled_ref) return true;
  if (gateway_ref !== matter.gateway_ref) return false;
  if (result === 'cancelled') return matter.state !== 'open' && matter.state !== 'needs_review';
  if (attempt?.state === 'approved') return true;
  return result === attempt?.state || (result === 'pending' && attempt?.state === 'declined');
}
