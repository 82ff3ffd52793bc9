/** The gateway simulator: Stripe's API over HTTP, driven by a script. */

import { randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { dropConnection, type HttpEnv, type RunningHttpServer, listen } from '../listen.ts';
import { controlRoutes } from './control/control.ts';
import { createCustomer, deleteCustomer, getCustomer, listCustomers } from './methods/customers.ts';
import { getMandate } from './methods/mandates.ts';
import {
  attachPaymentMethod,
  detachPaymentMethod,
  getPaymentMethod,
  listPaymentMethods,
  updatePaymentMethod,
} from './methods/payment-methods.ts';
import { expireSession, listSessions } from './payments/checkout.ts';
import {
  cancelPaymentIntent,
  confirmPaymentIntent,
  createPaymentIntent,
  getPaymentIntent,
  listPaymentIntents,
} from './payments/payment-intents.ts';
import { resumeSettlements } from './payments/settlement.ts';
import { ConnectionDropped, GatewayError } from './protocol/errors.ts';
import { expandResponse } from './protocol/expand.ts';
import { parseForm } from './protocol/form.ts';
import type { KeyRecord } from './protocol/idempotency.ts';
import { getDispute, getFraudWarning, listDisputes, listFraudWarnings } from './reversals/disputes.ts';
import { createRefund, getCharge, getRefund, listCharges, listRefunds } from './reversals/refunds.ts';
import { type ApiResponse, type Call, Gateway, type Operation } from './state/gateway.ts';

const ROUTES: [method: 'GET' | 'POST' | 'DELETE', path: string, operation: Operation][] = [
  ['POST', '/v1/payment_intents', createPaymentIntent],
  ['GET', '/v1/payment_intents', listPaymentIntents],
  ['GET', '/v1/payment_intents/:id', getPaymentIntent],
  ['POST', '/v1/payment_intents/:id/confirm', confirmPaymentIntent],
  ['POST', '/v1/payment_intents/:id/cancel', cancelPaymentIntent],
  ['GET', '/v1/checkout/sessions', listSessions],
  ['POST', '/v1/checkout/sessions/:id/expire', expireSession],
  ['GET', '/v1/payment_methods/:id', getPaymentMethod],
  ['POST', '/v1/payment_methods/:id', updatePaymentMethod],
  ['POST', '/v1/payment_methods/:id/attach', attachPaymentMethod],
  ['POST', '/v1/payment_methods/:id/detach', detachPaymentMethod],
  ['POST', '/v1/customers', createCustomer],
  ['GET', '/v1/customers', listCustomers],
  ['GET', '/v1/customers/:id', getCustomer],
  ['DELETE', '/v1/customers/:id', deleteCustomer],
  ['GET', '/v1/customers/:id/payment_methods', listPaymentMethods],
  ['GET', '/v1/charges', listCharges],
  ['GET', '/v1/charges/:id', getCharge],
  ['POST', '/v1/refunds', createRefund],
  ['GET', '/v1/refunds', listRefunds],
  ['GET', '/v1/refunds/:id', getRefund],
  ['GET', '/v1/mandates/:id', getMandate],
  ['GET', '/v1/disputes', listDisputes],
  ['GET', '/v1/disputes/:id', getDispute],
  ['GET', '/v1/radar/early_fraud_warnings', listFraudWarnings],
  ['GET', '/v1/radar/early_fraud_warnings/:id', getFraudWarning],
];

export type GatewaySimulator = RunningHttpServer;

/**
 * Starts a simulator on 127.0.0.1.
 * @param options `port` 0 or absent: any free one; without `webhookUrl` no events are sent; `stateFile` stores the state
 */
export async function startGatewaySimulator(
  options: { port?: number; webhookUrl?: string; webhookSecret?: string; stateFile?: string } = {},
): Promise<GatewaySimulator> {
  const webhook = {
    ...(options.webhookUrl && { url: options.webhookUrl }),
    ...(options.webhookSecret && { secret: options.webhookSecret }),
  };
  const gateway = new Gateway(webhook, options.stateFile);
  resumeSettlements(gateway);
  gateway.webhooks.resume();
  const app = new Hono<HttpEnv>();
  app.route('/_sim', controlRoutes(gateway));
  for (const [method, path, operation] of ROUTES) {
    app.on(method, path, (c) => answer(c, gateway, operation));
  }
  app.notFound((c) =>
    errorResponse(
      c,
      new GatewayError(404, {
        type: 'invalid_request_error',
        message: `Unrecognized request URL (${c.req.method}: ${c.req.path}).`,
      }),
    ),
  );

  const { url, close } = await listen(app.fetch, options.port);
  return {
    url,
    close: () => {
      gateway.stop();
      return close();
    },
  };
}

async function answer(c: Context<HttpEnv>, gateway: Gateway, operation: Operation): Promise<Response> {
  const isPost = c.req.method === 'POST';
  const raw = isPost ? await c.req.text() : new URL(c.req.url).search.slice(1);
  const body = parseForm(raw);
  const keyName = isPost ? c.req.header('idempotency-key') : undefined;
  gateway.requests.push({
    at: new Date(gateway.clock.now()).toISOString(),
    method: c.req.method,
    path: c.req.path,
    ...(keyName !== undefined && { idempotency_key: keyName }),
    body,
  });
  c.header('request-id', `req_${randomUUID().slice(0, 14)}`);
  if (keyName !== undefined) c.header('idempotency-key', keyName);
  let key: KeyRecord | undefined;
  try {
    authenticate(c);
    gateway.rateLimit.admit((name, value) => c.header(name, value));
    if (keyName !== undefined) {
      key = gateway.keys.begin(keyName, c.req.path, JSON.stringify(body), gateway.clock.now());
      if (key.response !== undefined) return replay(c, key.response);
    }
  } catch (error) {
    return errorResponse(c, error);
  }
  const requestId = c.res.headers.get('request-id') ?? '';
  const version = c.req.header('stripe-version') ?? '';
  const id = c.req.param('id') ?? '';
  return run(c, gateway, operation, { gateway, id, body, key, requestId, version });
}

/** Runs the operation and stores its response under the key before sending it. */
async function run(
  c: Context<HttpEnv>,
  gateway: Gateway,
  operation: Operation,
  call: Call,
): Promise<Response> {
  const outcome = await execute(operation, call);
  const body = outcome.answer === undefined ? undefined : JSON.stringify(outcome.answer.body);
  if (call.key !== undefined) {
    const saved =
      outcome.answer !== undefined && body !== undefined && outcome.executed
        ? { status: outcome.answer.status, body }
        : undefined;
    gateway.keys.finish(call.key, saved);
  }
  if (c.req.method !== 'GET') gateway.save();
  const afterwards = outcome.answer?.afterwards;
  if (afterwards !== undefined) runAfterResponse(c, afterwards);
  if (outcome.answer === undefined || body === undefined || outcome.answer.dropConnection)
    return dropConnection(c);
  return jsonResponse(c, outcome.answer.status, body);
}

/** Runs after the response was sent, or if the client has already disconnected. */
function runAfterResponse(c: Context<HttpEnv>, act: () => void): void {
  if (c.env.incoming.socket.destroyed) setImmediate(act);
  else c.env.outgoing.once('close', act);
}

/** `answer` undefined: the connection is closed. `executed` false: as if the request had not been received. */
async function execute(
  operation: Operation,
  call: Call,
): Promise<{ answer?: ApiResponse; executed: boolean }> {
  try {
    const answer = await operation(call);
    return { answer: { ...answer, body: expandResponse(call, answer.body) }, executed: true };
  } catch (error) {
    if (error instanceof ConnectionDropped) return { executed: false };
    if (!(error instanceof GatewayError)) throw error;
    const { status, body, afterwards, executed } = error;
    return { answer: { status, body: { error: body }, ...(afterwards && { afterwards }) }, executed };
  }
}

function authenticate(c: Context): void {
  const header = c.req.header('authorization') ?? '';
  const [scheme, credentials = ''] = header.split(' ');
  const key =
    scheme === 'Basic'
      ? Buffer.from(credentials, 'base64').toString('utf8').replace(/:.*$/s, '')
      : credentials;
  if (/^(sk|rk)_/.test(key)) return;
  throw new GatewayError(
    401,
    {
      type: 'invalid_request_error',
      message:
        key === ''
          ? "You did not provide an API key. Send it as 'Authorization: Bearer sk_…'."
          : 'Invalid API Key provided.',
    },
    { executed: false },
  );
}

function replay(c: Context, saved: { status: number; body: string }): Response {
  c.header('idempotent-replayed', 'true');
  return jsonResponse(c, saved.status, saved.body);
}

function errorResponse(c: Context, error: unknown): Response {
  if (!(error instanceof GatewayError)) throw error;
  return jsonResponse(c, error.status, JSON.stringify({ error: error.body }));
}

function jsonResponse(c: Context, status: number, body: string): Response {
  c.header('content-type', 'application/json');
  return c.body(body, status as 200);
}
