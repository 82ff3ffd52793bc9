import { setTimeout } from 'node:timers/promises';
import type { PaymentUpdate } from '../domain/ports.ts';
import type { ChargeResult } from '../domain/recovery/messages.ts';
import {
  isInFlight,
  messageOf,
  type KnownPayment,
  type PaymentUpdateMessage,
} from '../domain/recovery/gateway-update.ts';
import { type Graph, recordGatewayEvent } from '../graph/index.ts';
import { findErasureOf } from '../graph/erasure/index.ts';
import { findKnownPayment, storeReport } from '../graph/recovery/index.ts';
import { followGateway, signalWithStartRecovery, signalRecoveries } from '../temporal/workflow-client.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import { findGatewayChange } from './gateway-changes.ts';
import type { Caller } from './caller.ts';

/** Stripe waits only briefly, and redelivers what is refused. */
const SIGNAL_TIMEOUT_MS = 5_000;

/** Delays between two reads of a charge in flight. */
const RECHECK_DELAYS_MS = [50, 100, 200, 400, 800];

/**
 * `known`: the event has already been forwarded, or the graph already has its content. `ignored`: not Persona's, or about
 * a customer who was erased.
 */
export type WebhookResult = { result: 'accepted' | 'known' | 'ignored' };

/**
 * Forwards a gateway event to the process that it concerns (docs/reference/interfaces.md, 'Webhooks'): events of a
 * payment to its recovery, others to a process that follows the gateway. The event is recorded as received only after
 * Temporal has accepted it, so an interrupted one is redelivered; the process reads the gateway itself. A message for a
 * recovery is stored first, so that the sweep delivers it even if the signal or the run fails.
 *
 * @throws PersonaError signature_refused, malformed_request, graph_unavailable, temporal_unavailable,
 *   deadline_exceeded
 */
export async function handleStripeWebhook(
  dependencies: Pick<ServiceDependencies, 'graph' | 'temporal' | 'gatewayEvents' | 'onLateMessage'>,
  caller: Caller,
  { body, signature }: { body: Uint8Array; signature?: string },
): Promise<WebhookResult> {
  const { graph, temporal, gatewayEvents } = dependencies;
  const update = gatewayEvents.read(body, signature);
  if (update === undefined) return { result: 'ignored' };
  const found = await (update.about === 'payment'
    ? findChargeMessage(graph, update)
    : findGatewayChange(graph, update));
  if (found === undefined) return { result: 'ignored' };
  if (found.known) return { result: 'known' };
  // One who is only hidden has something to settle: what the gateway says about it counts.
  if (found.customer_id !== undefined && (await findErasureOf(graph, found.customer_id)) === 'erased') {
    dependencies.onLateMessage?.('webhook');
    return { result: 'ignored' };
  }
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

/** The message that reports a charge to its recovery; `undefined`: not related to Persona. */
async function findChargeMessage(
  graph: Graph,
  update: PaymentUpdate,
): Promise<PaymentUpdateMessage | undefined> {
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
 * The webhook of a charge often overtakes the charge's own response, which the recovery is about to record. Waiting
 * briefly for that saves each recovery a signal; if it is not recorded in time, the event is forwarded.
 */
async function findPaymentOnceRecorded(
  graph: Graph,
  update: PaymentUpdate,
): Promise<KnownPayment | undefined> {
  let payment = await findKnownPayment(graph, update);
  for (const delay of RECHECK_DELAYS_MS) {
    if (!payment || !isInFlight(update, payment)) break;
    await setTimeout(delay);
    payment = await findKnownPayment(graph, update);
  }
  return payment;
}
