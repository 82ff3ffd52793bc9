/** The adapter against a gateway simulator on a real socket, and against servers that misbehave. */

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createStripeGateway } from '../adapters/stripe/gateway.ts';
import { startGatewaySimulator } from '../dev/simulators/gateway/server.ts';
import { until } from '../dev/simulators/gateway/simulator-fixture.ts';
import type { ChargeOrder } from '../domain/ports.ts';

export { until };

export type StripeFixture = Awaited<ReturnType<typeof startStripeFixture>>;

interface LedgerEntry {
  charge: string;
  payment_intent: string;
  payment_method: string;
  idempotency_key: string;
  status: string;
  requests: number;
}

/** @param webhook the receiver of the simulator's events, if any */
export async function startStripeFixture(webhook: { webhookUrl?: string; webhookSecret?: string } = {}) {
  const simulator = await startGatewaySimulator(webhook);
  const gateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: simulator.url });

  async function sim<T>(path: string, method = 'GET', body?: unknown): Promise<T> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`${simulator.url}/_sim${path}`, init);
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as T;
  }

  return {
    gateway,
    url: simulator.url,
    sim,

    /** A customer with one attached card that follows the script; the order charges it for the first time. */
    async createChargeOrder(script: object[], card: object = {}): Promise<ChargeOrder> {
      const customer_id = randomUUID();
      const key = `customer:${customer_id}`;
      const { gateway_customer_ref } = await gateway.createCustomer({ customer_id, key });
      const token = `pm_${randomUUID()}`;
      await sim(`/payment_methods/${token}`, 'PUT', { type: 'card', card, script });
      const attach = { customer_id, token, gateway_customer_ref, key: `attach:${token}` };
      const attached = await gateway.attachPaymentMethod(attach);
      if (attached.result !== 'attached') throw new Error(JSON.stringify(attached));
      const payment_id = `inv_${randomUUID()}`;
      return {
        key: `recovery:${payment_id}:${token}:1`,
        payment_id,
        customer_id,
        gateway_customer_ref,
        token,
        amount: 1250,
        currency: 'USD',
        payment_method_type: 'card',
      };
    },

    charge: (order: ChargeOrder, options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
      gateway.charge(order, { timeoutMs: 5000, ...options }),

    async ledger(order: ChargeOrder): Promise<LedgerEntry[]> {
      return (await sim<{ data: LedgerEntry[] }>(`/charges?payment_id=${order.payment_id}`)).data;
    },

    firstHold: () =>
      until(async () => (await sim<{ data: { id: string; step: string }[] }>('/holds')).data[0]),

    async detach(token: string): Promise<void> {
      const headers = { authorization: 'Bearer sk_test_1' };
      const path = `/v1/payment_methods/${token}/detach`;
      const response = await fetch(`${simulator.url}${path}`, { method: 'POST', headers });
      if (!response.ok) throw new Error(await response.text());
    },

    /** As an operator does in Stripe's dashboard. */
    async cancel(gatewayRef: string, reason?: string): Promise<void> {
      const headers = {
        authorization: 'Bearer sk_test_1',
        'content-type': 'application/x-www-form-urlencoded',
      };
      const body = reason === undefined ? '' : `cancellation_reason=${reason}`;
      const url = `${simulator.url}/v1/payment_intents/${gatewayRef}/cancel`;
      const response = await fetch(url, { method: 'POST', headers, body });
      if (!response.ok) throw new Error(await response.text());
    },

    close: simulator.close,
  };
}

/** A server that is not a gateway. */
export async function startHttpServer(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => void handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, close };
}
