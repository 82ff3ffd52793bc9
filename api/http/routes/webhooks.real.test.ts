/** Stripe's webhooks, from a gateway that charges, through the running edge, into a recovery's history. */

import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createStripeEvents } from '../../../adapters/stripe/events.ts';
import type { ChargeAnswer, ChargeOrder } from '../../../domain/ports.ts';
import { attemptKey, recoveryWorkflowId } from '../../../domain/processes.ts';
import type { ChargeResult } from '../../../domain/recovery/messages.ts';
import { type Graph, onboard, recordVerification } from '../../../graph/index.ts';
import {
  adoptGatewayPayment,
  claimAttempt,
  closeRecovery,
  openRecovery,
  recordAttempt,
} from '../../../graph/recovery/index.ts';
import { readPolicy } from '../../../platform/policy.ts';
import { createServices } from '../../../services/create.ts';
import { closeVerified, onboardingRequest, openTestGraph, testHeader } from '../../../test/graph.ts';
import { openNamespace, type RigServer } from '../../../test/rig/server.ts';
import { type Fixture, startFixture, until } from '../../../test/stripe.ts';
import { failureOf } from '../../../test/wallets.ts';
import { quietObservers, unhurried } from '../../fakes.ts';
import { createApp } from '../app.ts';
import { type HttpServer, serveHttp } from '../server.ts';

const SECRET = 'whsec_test';
const policy = readPolicy();
const codecKeys = [{ id: 'c1', key: randomBytes(32) }];

interface Delivery {
  text: string;
  status: number;
  answer: unknown;
}

let graph: Graph;
let temporal: RigServer;
let http: HttpServer;
let stripe: Fixture;
/** What the gateway posted, and what it was told. */
const deliveries: Delivery[] = [];
/** The gateway's posts are lost: they get no further than `deliveries`. */
let away = false;

const appOn = (client: Client) =>
  createApp(
    createServices({ graph, temporal: client, policy, gatewayEvents: createStripeEvents(SECRET) }, () => {}),
    quietObservers(),
    unhurried,
  );

beforeAll(async () => {
  [graph, temporal] = await Promise.all([openTestGraph(), openNamespace({ codecKeys, interceptor: {} })]);
  const app = appOn(temporal.client);
  http = await serveHttp(
    { host: '127.0.0.1', port: 0 },
    {
      async fetch(request) {
        const text = await request.clone().text();
        const response = away ? new Response(null) : await app.fetch(request);
        if (request.url.endsWith('/webhooks/stripe')) {
          const answer = away ? undefined : await response.clone().json();
          deliveries.push({ text, status: response.status, answer });
        }
        return response;
      },
    },
  );
  stripe = await startFixture({ webhookUrl: `${http.url}/webhooks/stripe`, webhookSecret: SECRET });
});
afterAll(async () => {
  await stripe.close();
  await http.close();
  await temporal.close();
  await closeVerified(graph);
});
beforeEach(() => {
  away = false;
});

interface Recovery {
  payment_id: string;
  payment_method_id: string;
  /** The claimed attempt, ready to be charged. */
  order: ChargeOrder;
}

/** A customer with one card that follows the script, and an obligation with one claimed attempt on it. */
async function recovery(script: object[], options: { named?: boolean } = {}): Promise<Recovery> {
  const card = await stripe.given(script);
  const request = onboardingRequest({
    payment_method_details: { type: 'card', token: card.token, off_session_consent: true },
    device_details: { fingerprint: randomUUID(), trust_score: 0.9 },
  });
  const onboarded = await onboard(graph, testHeader(), { request, policy });
  const { customer_id } = onboarded;
  const payment_method_id = onboarded.payment_method_id as string;
  await recordVerification(graph, testHeader(), {
    customer_id,
    payment_method_id,
    gateway_customer_ref: card.gateway_customer_ref,
    answer: { result: 'attached', method: { token: card.token, type: 'card', network: 'visa' } },
  });
  const failure = failureOf({ customer_id, methods: [payment_method_id] });
  const { payment_id } = failure;
  await openRecovery(graph, testHeader({ occurredAt: failure.occurred_at }), {
    failure,
    policy,
    now: Date.now(),
    claim_first: false,
  });
  const key = attemptKey(payment_id, payment_method_id, 1);
  const claim = await claimAttempt(graph, testHeader(), {
    payment_id,
    payment_method_id,
    key,
    n: 1,
    policy,
    now: Date.now(),
  });
  if (claim.result !== 'claimed') throw new Error(JSON.stringify(claim));
  const named = options.named ?? true;
  return {
    payment_id,
    payment_method_id,
    order: { ...card, key, customer_id, payment_id: named ? payment_id : '' },
  };
}

const record = ({ payment_id, order }: Recovery, answer: ChargeAnswer) =>
  recordAttempt(graph, testHeader(), { payment_id, key: order.key, answer, policy, now: Date.now() });

/** The gateway's posts about the order's customer. */
const about = (order: ChargeOrder) =>
  deliveries.filter(
    ({ text }) => text.includes(order.gateway_customer_ref) && text.includes('payment_intent.'),
  );

const delivered = (order: ChargeOrder, count = 1) =>
  until(async () => {
    const found = about(order);
    return found.length >= count ? found : undefined;
  });

/** Every `chargeResult` in the history of the payment's recovery. */
async function heard(payment_id: string): Promise<ChargeResult[]> {
  const handle = temporal.client.workflow.getHandle(recoveryWorkflowId(payment_id));
  const { events } = await handle.fetchHistory().catch(() => ({ events: [] }));
  const signals = (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
    signal?.signalName === 'chargeResult' ? [signal] : [],
  );
  const { loadedDataConverter } = temporal.client.options;
  return Promise.all(
    signals.map(
      async ({ input }) =>
        (await decodeArrayFromPayloads(loadedDataConverter, input?.payloads))[0] as ChargeResult,
    ),
  );
}

function post(text: string, header?: string): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...(header && { 'stripe-signature': header }) };
  return fetch(`${http.url}/webhooks/stripe`, { method: 'POST', body: text, headers });
}

/** As Stripe signs, `age` seconds ago. */
function signature(text: string, age = 0, secret = SECRET): string {
  const t = Math.floor(Date.now() / 1000) - age;
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${text}`).digest('hex')}`;
}

describe('news of an attempt', () => {
  test('reaches its recovery, which begins with it if none runs', async () => {
    const of = await recovery([]);
    const answer = await stripe.charge(of.order);
    const [delivery] = await delivered(of.order);
    expect(delivery).toMatchObject({ status: 200, answer: { result: 'accepted' } });
    expect(await heard(of.payment_id)).toEqual([
      {
        event_id: JSON.parse(delivery?.text ?? '').id,
        payment_id: of.payment_id,
        attempt_key: of.order.key,
        gateway_ref: 'gateway_ref' in answer ? answer.gateway_ref : undefined,
        result: 'approved',
      },
    ]);
  });

  test('reaches it before the answer, with every code', async () => {
    const of = await recovery([
      {
        do: 'decline',
        decline_code: 'do_not_honor',
        network_decline_code: '05',
        webhook: 'before',
        delay_ms: 20,
      },
    ]);
    const answer = stripe.charge(of.order);
    await delivered(of.order);
    expect(await heard(of.payment_id)).toMatchObject([
      {
        attempt_key: of.order.key,
        result: 'declined',
        code: 'card_declined',
        decline_code: 'do_not_honor',
        network_code: '05',
        network: 'visa',
      },
    ]);
    await answer;
  });

  test('reaches it instead of the answer', async () => {
    const of = await recovery([{ do: 'drop_after_capture' }]);
    expect(await stripe.charge(of.order)).toMatchObject({ result: 'unknown' });
    await delivered(of.order);
    expect(await heard(of.payment_id)).toMatchObject([{ result: 'approved', attempt_key: of.order.key }]);
  });

  test('twice at the same moment is the same news, and later again it is known', async () => {
    const of = await recovery([{ do: 'approve', webhook: 'twice' }]);
    await stripe.charge(of.order);
    const [delivery, twin] = await delivered(of.order, 2);
    expect(twin?.text).toBe(delivery?.text);
    const signals = await heard(of.payment_id);
    expect(new Set(signals.map(({ event_id }) => event_id)).size).toBe(1);

    const text = delivery?.text ?? '';
    const again = await post(text, signature(text));
    expect(await again.json()).toEqual({ result: 'known' });
    expect(await heard(of.payment_id)).toEqual(signals);
  });

  test('that happens later, by itself, is traced by its method', async () => {
    const of = await recovery([{ do: 'processing', settle: { after_ms: 1000, outcome: 'succeeded' } }]);
    const pending = await stripe.charge(of.order);
    await delivered(of.order);
    await record(of, pending);
    await stripe.sim('/clock', 'POST', { advance_s: 1 });
    const [, settled] = await delivered(of.order, 2);
    expect(JSON.parse(settled?.text ?? '')).toMatchObject({ request: { idempotency_key: null } });
    expect(await heard(of.payment_id)).toMatchObject([
      { result: 'pending', attempt_key: of.order.key },
      { result: 'approved', attempt_key: of.order.key },
    ]);
  });

  test('of a payment that does not name the obligation is traced by its reference', async () => {
    away = true;
    const of = await recovery([], { named: false });
    const answer = await stripe.charge(of.order);
    const [lost] = await delivered(of.order);
    const gateway_ref = answer.result === 'approved' ? answer.gateway_ref : undefined;
    if (gateway_ref === undefined) throw new Error(JSON.stringify(answer));
    away = false;
    await adoptGatewayPayment(graph, testHeader(), { payment_id: of.payment_id, gateway_ref });
    const text = lost?.text ?? '';
    expect(await (await post(text, signature(text))).json()).toEqual({ result: 'accepted' });
    expect(await heard(of.payment_id)).toMatchObject([{ gateway_ref, attempt_key: of.order.key }]);
  });
});

describe('what the graph has already begins nothing', () => {
  test('an approval, and what happened before it and comes behind it', async () => {
    away = true;
    const of = await recovery([{ do: 'processing', settle: { after_ms: 1000, outcome: 'succeeded' } }]);
    const answer = await stripe.charge(of.order);
    await stripe.sim('/clock', 'POST', { advance_s: 1 });
    const lost = await delivered(of.order, 2);
    if (answer.result !== 'pending') throw new Error(JSON.stringify(answer));
    away = false;
    await record(of, { ...answer, result: 'approved' });
    for (const { text } of lost.toReversed()) {
      expect(await (await post(text, signature(text))).json()).toEqual({ result: 'known' });
    }
    expect(await heard(of.payment_id)).toEqual([]);
  });

  test('what the charge’s own answer is about to tell, though its news was sooner', async () => {
    away = true;
    const of = await recovery([]);
    const answer = await stripe.charge(of.order);
    const [overtaking] = await delivered(of.order);
    away = false;
    const text = overtaking?.text ?? '';
    const [response] = await Promise.all([post(text, signature(text)), record(of, answer)]);
    expect(await response.json()).toEqual({ result: 'known' });
    expect(await heard(of.payment_id)).toEqual([]);
  });

  test('a decline; an approval that comes behind it is news all the same', async () => {
    away = true;
    const of = await recovery([{ do: 'decline' }, { do: 'approve' }]);
    const declined = await stripe.charge(of.order);
    if (declined.result !== 'declined' || declined.gateway_ref === undefined) throw new Error('not declined');
    await stripe.charge({ ...of.order, gateway_ref: declined.gateway_ref, key: `${of.order.key}?` });
    const lost = await delivered(of.order, 2);
    away = false;
    await record(of, declined);
    const answers = [];
    for (const { text } of lost) answers.push(await (await post(text, signature(text))).json());
    expect(answers).toEqual([{ result: 'known' }, { result: 'accepted' }]);
    expect(await heard(of.payment_id)).toMatchObject([{ result: 'approved' }]);
  });

  test('that the payment of a closed obligation was cancelled; of an open one it is news', async () => {
    for (const [closed, result] of [
      [true, 'known'],
      [false, 'accepted'],
    ] as const) {
      away = true;
      const of = await recovery([{ do: 'decline' }]);
      const declined = await stripe.charge(of.order);
      if (declined.result !== 'declined' || declined.gateway_ref === undefined)
        throw new Error('not declined');
      await record(of, declined);
      await stripe.gateway.cancelPayment(declined.gateway_ref, randomUUID());
      const [, cancelled] = await delivered(of.order, 2);
      if (closed) {
        const { payment_id } = of;
        await closeRecovery(graph, testHeader(), { payment_id, outcome: 'exhausted', rule: 'window_over' });
      }
      away = false;
      const text = cancelled?.text ?? '';
      expect(await (await post(text, signature(text))).json()).toEqual({ result });
    }
  });

  test('but a success of another payment of the same name is news', async () => {
    const of = await recovery([]);
    away = true;
    const answer = await stripe.charge(of.order);
    await record(of, answer);
    away = false;
    await stripe.charge({ ...of.order, key: randomUUID() });
    const [, other] = await delivered(of.order, 2);
    expect(other).toMatchObject({ answer: { result: 'accepted' } });
    expect(await heard(of.payment_id)).toHaveLength(1);
  });
});

describe('none of our business', () => {
  test('is a payment of nobody, of another customer under a known name, and an event of another kind', async () => {
    const nobody = await stripe.given([]);
    await stripe.charge(nobody);
    expect(await delivered(nobody)).toMatchObject([{ status: 200, answer: { result: 'ignored' } }]);

    const of = await recovery([]);
    const stranger = { ...(await stripe.given([])), payment_id: of.payment_id };
    await stripe.charge(stranger);
    expect(await delivered(stranger)).toMatchObject([{ status: 200, answer: { result: 'ignored' } }]);
    expect(await heard(of.payment_id)).toEqual([]);

    const attached = deliveries.find(({ text }) => text.includes('payment_method.attached'));
    expect(attached).toMatchObject({ status: 200, answer: { result: 'ignored' } });
  });
});

describe('who does not prove to be Stripe', () => {
  test('is refused, and nothing is heard of it', async () => {
    away = true;
    const of = await recovery([]);
    await stripe.charge(of.order);
    const [{ text } = { text: '' }] = await delivered(of.order);
    away = false;
    const forged = text.replace('"succeeded"', '"processing"');
    for (const response of [
      await post(text),
      await post(text, signature(text, 0, 'whsec_other')),
      await post(forged, signature(text)),
      await post(text, signature(text, 301)),
    ]) {
      expect(response.status).toBe(400);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({ type: 'urn:persona:error:signature_refused' });
    }
    expect(await heard(of.payment_id)).toEqual([]);
    expect((await post(text, signature(text))).status).toBe(200);
    expect(await heard(of.payment_id)).toHaveLength(1);
  });
});

test('while Temporal is away the news is refused and not remembered: it comes again', async () => {
  away = true;
  const of = await recovery([]);
  await stripe.charge(of.order);
  const [{ text } = { text: '' }] = await delivered(of.order);
  away = false;
  const connection = Connection.lazy({ address: '127.0.0.1:1', connectTimeout: 500 });
  const alone = appOn(new Client({ connection, namespace: temporal.namespace }));
  const response = await alone.request('/webhooks/stripe', {
    method: 'POST',
    body: text,
    headers: { 'stripe-signature': signature(text) },
  });
  expect(response.status).toBe(504);
  expect(await response.json()).toMatchObject({ type: 'urn:persona:error:deadline_exceeded' });
  expect(await (await post(text, signature(text))).json()).toEqual({ result: 'accepted' });
  expect(await heard(of.payment_id)).toHaveLength(1);
  await connection.close();
});
