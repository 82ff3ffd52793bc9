/** `/v1/checkout/sessions`, for sessions that own a payment; and `PUT /_sim/payment_intents/{id}`, which creates one. */

import { GatewayError, resourceMissing } from './errors.ts';
import { type ApiResponse, type Call, causeOf, type Gateway, ok } from './gateway.ts';
import { listObject } from './lists.ts';
import { intentObject } from './objects.ts';
import { assertKnownParameters, optionalText } from './parameters.ts';
import { ScriptError } from './steps.ts';
import { type CheckoutSession, newId, type PaymentIntent } from './store.ts';

/**
 * Reads `{refuse_cancel?, checkout_session?}`: the status with which cancellation is refused (`null`: not refused), and
 * whether the payment belongs to a Checkout Session.
 * @throws ScriptError naming the field and the rule
 */
export function changeIntent(gateway: Gateway, id: string, input: unknown): object {
  const intent = gateway.store.intents.get(id);
  if (intent === undefined) throw new ScriptError(`unknown payment '${id}'`);
  if (typeof input !== 'object' || input === null) throw new ScriptError('the body must be an object');
  const { refuse_cancel, checkout_session } = input as Record<string, unknown>;
  if (refuse_cancel !== undefined) {
    const status = typeof refuse_cancel === 'number' && refuse_cancel >= 400 && refuse_cancel < 600;
    if (refuse_cancel !== null && !status)
      throw new ScriptError('refuse_cancel: must be null or a status from 400 to 599');
    intent.refuse_cancel = refuse_cancel as number | null;
  }
  if (checkout_session === true) {
    const session = { id: newId('cs_test'), intent, created: gateway.clock.seconds(), expired: false };
    gateway.store.sessions.set(session.id, session);
  }
  gateway.save();
  return intentObject(intent);
}

export function listSessions({ gateway, body }: Call): ApiResponse {
  assertKnownParameters(body, ['payment_intent', 'limit', 'starting_after']);
  const payment = optionalText(body, 'payment_intent');
  const sessions = [...gateway.store.sessions.values()].filter(
    ({ intent }) => payment === undefined || intent.id === payment,
  );
  return ok(listObject(sessions, body, '/v1/checkout/sessions', sessionObject));
}

export async function expireSession(call: Call): Promise<ApiResponse> {
  const { gateway, id } = call;
  const session = gateway.store.sessions.get(id);
  if (session === undefined) throw resourceMissing('checkout.session', id, 'session', 404);
  const { status } = sessionObject(session);
  if (status !== 'open') {
    const message = `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of \`${status}\`.`;
    throw new GatewayError(400, { type: 'invalid_request_error', message });
  }
  const { intent } = session;
  session.expired = true;
  intent.status = 'canceled';
  intent.canceled_at = gateway.clock.seconds();
  const afterwards = await gateway.webhooks.emit(
    'payment_intent.canceled',
    intentObject(intent),
    causeOf(call),
  );
  return ok(sessionObject(session), afterwards);
}

/** A payment of a session is confirmed and cancelled only through that session. @throws GatewayError */
export function assertNotOwnedByCheckout(gateway: Gateway, intent: PaymentIntent): void {
  if (![...gateway.store.sessions.values()].some((session) => session.intent === intent)) return;
  const message = 'You cannot perform this action on PaymentIntents created by Checkout.';
  throw new GatewayError(400, { type: 'invalid_request_error', message });
}

function sessionObject({ id, intent, created, expired }: CheckoutSession) {
  const paid = intent.status === 'succeeded' || intent.status === 'processing';
  return {
    id,
    object: 'checkout.session',
    created,
    customer: intent.customer,
    livemode: false,
    mode: 'payment',
    payment_intent: intent.id,
    payment_status: intent.status === 'succeeded' ? 'paid' : 'unpaid',
    status: expired ? 'expired' : paid ? 'complete' : 'open',
  };
}
