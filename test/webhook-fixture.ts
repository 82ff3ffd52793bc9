/** Stripe's webhooks end to end: from the gateway simulator, through the running API, to Temporal. */

import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { createStripeEvents } from '../adapters/stripe/events.ts';
import { silentObservers, testAppOptions } from '../api/fakes.ts';
import { createApp } from '../api/http/app.ts';
import { serveHttp } from '../api/http/server.ts';
import type { AttachAnswer, ChargeAnswer, ChargeOrder } from '../domain/ports.ts';
import { attemptKey } from '../domain/workflow-contracts.ts';
import { addPaymentMethod, getDevices, type Graph, onboard, recordVerification } from '../graph/index.ts';
import { claimAttempt, openRecovery, recordAttempt } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { noAsking, unreadCatalogue } from './catalogue-fixtures.ts';
import { contextReading } from './context-fixture.ts';
import { createServices } from '../services/services.ts';
import { verifyAndClose, onboardingRequest, openTestGraph, randomToken, testHeader } from './test-graph.ts';
import { openNamespace } from './rig/server.ts';
import { startStripeFixture as startStripe, until } from './stripe-fixture.ts';
import { failureOf } from './wallet-fixtures.ts';

const SECRET = 'whsec_test';
const policy = readPolicy();

export interface Delivery {
  text: string;
  status: number;
  answer: unknown;
}

/** A customer at the gateway and in Persona, with one verified card. */
export interface CardHolder {
  customer_id: string;
  payment_method_id: string;
  token: string;
  gateway_customer_ref: string;
  /** An order for the first charge of the card. */
  order: ChargeOrder;
}

export interface Recovery {
  payment_id: string;
  payment_method_id: string;
  /** The claimed attempt, ready to be charged. */
  order: ChargeOrder;
}

export type WebhookFixture = Awaited<ReturnType<typeof startWebhooks>>;

export async function startWebhooks() {
  const codecKeys = [{ id: 'c1', key: randomBytes(32) }];
  const [graph, temporal] = await Promise.all([
    openTestGraph(),
    openNamespace({ codecKeys, interceptor: {} }),
  ]);
  const gatewayEvents = createStripeEvents(SECRET);
  const createAppFor = (client: Client) =>
    createApp(
      createServices(
        {
          graph,
          temporal: client,
          policy,
          gatewayEvents,
          catalogue: unreadCatalogue(graph),
          asking: noAsking,
        },
        contextReading(policy),
      ),
      silentObservers(),
      testAppOptions,
    );
  const app = createAppFor(temporal.client);
  const deliveries: Delivery[] = [];
  /** While active, the gateway's posts are lost: they are recorded in `deliveries` and not processed. */
  const outage = { active: false };
  const http = await serveHttp(
    { host: '127.0.0.1', port: 0 },
    {
      async fetch(request) {
        const text = await request.clone().text();
        const { active } = outage;
        const response = active ? new Response(null) : await app.fetch(request);
        if (request.url.endsWith('/webhooks/stripe')) {
          const answer = active ? undefined : await response.clone().json();
          deliveries.push({ text, status: response.status, answer });
        }
        return response;
      },
    },
  );
  const stripe = await startStripe({ webhookUrl: `${http.url}/webhooks/stripe`, webhookSecret: SECRET });

  async function attach(token: string, gateway_customer_ref: string): Promise<AttachAnswer> {
    const order = { customer_id: randomUUID(), token, gateway_customer_ref, key: randomUUID() };
    const answer = await stripe.gateway.attachPaymentMethod(order);
    if (answer.result === 'no_customer')
      throw new Error(`the gateway has no customer ${gateway_customer_ref}`);
    return answer;
  }

  return {
    ...{ graph, temporal, codecKeys, stripe, deliveries, outage, createAppFor, attach },

    /** Waits for at least `count` of the gateway's posts that contain all of these texts. */
    delivered: (texts: readonly string[], count = 1) =>
      until(async () => {
        const found = deliveries.filter(({ text }) => texts.every((part) => text.includes(part)));
        return found.length >= count ? found : undefined;
      }),

    post(text: string, header?: string): Promise<Response> {
      const headers = { 'content-type': 'application/json', ...(header && { 'stripe-signature': header }) };
      return fetch(`${http.url}/webhooks/stripe`, { method: 'POST', body: text, headers });
    },

    /** A card that follows the script, at the gateway and in the wallet. */
    async cardHolder(script: object[] = [], card: object = {}): Promise<CardHolder> {
      const order = await stripe.createChargeOrder(script, card);
      const { token, gateway_customer_ref } = order;
      const { customer_id, payment_method_id } = await onboardCardHolder(graph, token);
      const answer = await attach(token, gateway_customer_ref);
      const found = { customer_id, payment_method_id, gateway_customer_ref, answer };
      await recordVerification(graph, testHeader(), found);
      return { customer_id, payment_method_id, token, gateway_customer_ref, order };
    },

    /** A second, equally eligible card of the same customer: an alternative to the first. */
    async secondCard(holder: CardHolder, card: object = { last4: '2222' }): Promise<CardHolder> {
      const { customer_id, gateway_customer_ref } = holder;
      const token = randomToken();
      await stripe.sim(`/payment_methods/${token}`, 'PUT', { customer: gateway_customer_ref, card });
      const [device] = await getDevices(graph, { customer_id });
      const method = {
        ...{ type: 'card' as const, token, off_session_consent: true },
        ...(device && { device_id: device.device_id }),
      };
      const added = await addPaymentMethod(graph, testHeader(), {
        ...{ customer_id, method, added_by: 'customer' },
      });
      const { payment_method_id } = added;
      const answer = await attach(token, gateway_customer_ref);
      await recordVerification(graph, testHeader(), { customer_id, payment_method_id, answer });
      return { ...holder, payment_method_id, token, order: { ...holder.order, token } };
    },

    /** An obligation of the cardholder with a claimed attempt on the card; `named`: its id is in the payment's metadata. */
    async recovery(holder: CardHolder, options: { named?: boolean } = {}): Promise<Recovery> {
      const { customer_id, payment_method_id } = holder;
      const failure = failureOf({ customer_id, methods: [payment_method_id] });
      const { payment_id } = failure;
      await openRecovery(graph, testHeader({ occurredAt: failure.occurred_at }), {
        failure,
        policy,
        now: Date.now(),
        claim_first: false,
      });
      const key = attemptKey(payment_id, payment_method_id, 1);
      const claimInput = { payment_id, payment_method_id, key, n: 1, policy, now: Date.now() };
      const claim = await claimAttempt(graph, testHeader(), claimInput);
      if (claim.result !== 'claimed') throw new Error(JSON.stringify(claim));
      const named = options.named ?? true;
      const order = { ...holder.order, key, customer_id, payment_id: named ? payment_id : '' };
      return { payment_id, payment_method_id, order };
    },

    record: ({ payment_id, order }: Recovery, answer: ChargeAnswer) =>
      recordAttempt(graph, testHeader(), { payment_id, key: order.key, answer, policy, now: Date.now() }),

    async close(): Promise<void> {
      await stripe.close();
      await http.close();
      await temporal.close();
      await verifyAndClose(graph);
    },
  };
}

/** A signature as Stripe makes it, `age` seconds old. */
export function signature(text: string, age = 0, secret = SECRET): string {
  const t = Math.floor(Date.now() / 1000) - age;
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${text}`).digest('hex')}`;
}

async function onboardCardHolder(graph: Graph, token: string) {
  const request = onboardingRequest({
    payment_method_details: { type: 'card', token, off_session_consent: true },
    device_details: { fingerprint: randomUUID(), trust_score: 0.9 },
  });
  const { customer_id, payment_method_id = '' } = await onboard(graph, testHeader(), { request, policy });
  return { customer_id, payment_method_id };
}
