import { setTimeout } from 'node:timers/promises';
import type { GatewayUpdate } from '../domain/ports.ts';
import type { ChargeResult } from '../domain/recovery/messages.ts';
import {
  isInFlight,
  messageOf,
  type KnownPayment,
  type GatewayUpdateMessage,
} from '../domain/recovery/gateway-update.ts';
import { type Graph, recordGatewayEvent } from '../graph/index.ts';
import { findKnownPayment, storeReport } from '../graph/recovery/index.ts';
import { followGateway, signalWithStartRecovery, signalRecoveries } from '../temporal/workflow-client.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import { findGatewayChange } from './gateway-changes.ts';
import type { Caller } from './caller.ts';

/** Stripe does not wait for long, and what is refused comes again. */
const SIGNAL_TIMEOUT_MS = 5_000;

/** Between two looks at a charge that is under way. */
const RECHECK_DELAYS_MS = [50, 100, 200, 400, 800];

/** `known`: this event was handed on before, or the graph has what it tells. `ignored`: none of Persona's business. */
export type WebhookResult = { result: 'accepted' | 'known' | 'ignored' };

/**
 * Hands the gateway's news to the process that they concern (specification: interfaces, `/webhooks/stripe`): of a payment
 * to its recovery, anything else to one that follows the gateway. Remembered only after Temporal has it: what breaks off
 * half-way comes again, and whoever hears of it reads it at the gateway. A message for a recovery is written down first:
 * the sweep sends it, whatever becomes of the signal or of the run.
 *
 * @throws PersonaError signature_refused, malformed_request, graph_unavailable, temporal_unavailable,
 *   deadline_exceeded
 */
export async function handleStripeWebhook(
  { graph, temporal, gatewayEvents }: ServiceDependencies,
  caller: Caller,
  { body, signature }: { body: Uint8Array; signature?: string },
): Promise<WebhookResult> {
  const update = gatewayEvents.read(body, signature);
  if (update === undefined) return { result: 'ignored' };
  const found = await (update.about === 'payment'
    ? findChargeMessage(graph, update)
    : findGatewayChange(graph, update));
  if (found === undefined) return { result: 'ignored' };
  if (found.known) return { result: 'known' };
  const header = { correlationId: caller.correlationId, occurredAt: new Date().toISOString() };
  if ('message' in found) {
    const report = { kind: 'charge_result', message: found.message } as const;
    await storeReport(graph, { ...header, caller: 'gateway' }, report, found.customer_id);
  }
  const deadline = new Date(Date.now() + SIGNAL_TIMEOUT_MS);
  await temporal.withDeadline<unknown>(deadline, () =>
    'change' in found
      ? followGateway(temporal, found.customer_id, found.change)
      : found.authenticated
        ? signalAuthenticated(temporal, found.message)
        : signalWithStartRecovery(temporal, 'chargeResult', found.message),
  );
  await recordGatewayEvent(graph, header, update.event_id);
  return { result: 'accepted' };
}

/** What a recovery is to hear of a charge; `undefined`: none of Persona's business. */
async function findChargeMessage(
  graph: Graph,
  update: GatewayUpdate,
): Promise<GatewayUpdateMessage | undefined> {
  const payment = await findPaymentOnceRecorded(graph, update);
  return payment && messageOf(update, payment);
}

function signalAuthenticated(
  temporal: ServiceDependencies['temporal'],
  { payment_id, event_id, gateway_ref }: ChargeResult,
): Promise<void> {
  return signalRecoveries(temporal, [payment_id], 'paymentAuthenticated', { event_id, gateway_ref });
}

/**
 * The news of a charge overtakes its answer, which the recovery is about to write down: a moment later there is nothing
 * left to tell, which saves each recovery a signal. Whoever waits in vain is handed on.
 */
async function findPaymentOnceRecorded(
  graph: Graph,
  update: GatewayUpdate,
): Promise<KnownPayment | undefined> {
  let payment = await findKnownPayment(graph, update);
  for (const delay of RECHECK_DELAYS_MS) {
    if (!payment || !isInFlight(update, payment)) break;
    await setTimeout(delay);
    payment = await findKnownPayment(graph, update);
  }
  return payment;
}
