/** A simulator with a receiver for its webhooks, and the requests used by its tests. */

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { type GatewaySimulator, startGatewaySimulator } from './server.ts';

export const SECRET = 'whsec_test';

export interface Reply {
  status: number;
  headers: Headers;
  // Stripe's JSON, untyped: the tests name the fields they read.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

export interface Delivery {
  signature: string;
  text: string;
  event: {
    id: string;
    type: string;
    data: { object: { id: string; status: string; customer: string } };
    request: { id: string | null; idempotency_key: string | null };
  };
}

interface Payer {
  customer: string;
  method: string;
}

export type SimulatorFixture = Awaited<ReturnType<typeof startSimulatorFixture>>;

export async function startSimulatorFixture() {
  const deliveries: Delivery[] = [];
  /** The receiver's next responses; empty: 200. */
  const receiverStatuses: number[] = [];
  const receiver = createServer((request, response) => {
    void readText(request).then((text) => {
      const signature = String(request.headers['stripe-signature']);
      deliveries.push({ signature, text, event: JSON.parse(text) as Delivery['event'] });
      response.writeHead(receiverStatuses.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  const simulator = await startGatewaySimulator({
    webhookUrl: `http://127.0.0.1:${port}/hook`,
    webhookSecret: SECRET,
  });
  const client = simulatorClient(simulator);
  const eventsOf = (customer: string) =>
    deliveries.filter(({ event }) => event.data.object.customer === customer);

  return {
    ...client,
    url: simulator.url,
    receiverStatuses,
    deliveries,
    eventsOf,
    typesOf: (customer: string) => eventsOf(customer).map(({ event }) => event.type),

    /** A customer whose method follows the script, and then `defaultStep`. */
    async createPayer(script: object[], rest: object = {}, defaultStep?: object): Promise<Payer> {
      const customer = (await client.post('/v1/customers')).body.id as string;
      const method = `pm_${randomUUID()}`;
      const path = `/payment_methods/${method}`;
      const put = await client.sim('PUT', path, {
        type: 'card',
        customer,
        script,
        ...rest,
        ...thenField(defaultStep),
      });
      if (put.status !== 200) throw new Error(JSON.stringify(put.body));
      return { customer, method };
    },

    /** Creates a payment and confirms it, as Persona does. */
    createPayment: (payer: Payer, key?: string, more: Record<string, string> = {}) =>
      client.post('/v1/payment_intents', { ...createPaymentForm(payer), ...more }, key),

    async ledgerOf(customer: string): Promise<{ status: string }[]> {
      const { data } = (await client.sim('GET', '/charges')).body;
      return data.filter((entry: { customer: string }) => entry.customer === customer);
    },

    async close(): Promise<void> {
      await simulator.close();
      receiver.close();
    },
  };
}

/** The script's `then`: as a literal, the object would be treated as a thenable. */
export const thenField = (step: object | undefined): object =>
  Object.fromEntries(step ? [['then', step]] : []);

/** Confirms without the customer present. */
export const offSession = { off_session: 'true', error_on_requires_action: 'true' };

export const createPaymentForm = ({ customer, method }: Payer) => ({
  amount: '1250',
  currency: 'usd',
  customer,
  payment_method: method,
  confirm: 'true',
  ...offSession,
});

/** Stripe's API in form encoding, the script as JSON. */
function simulatorClient({ url }: GatewaySimulator) {
  const authorization = 'Bearer sk_test_1';
  const reply = async (response: Response): Promise<Reply> => ({
    status: response.status,
    headers: response.headers,
    body: await response.json(),
  });
  return {
    async get(path: string): Promise<Reply> {
      return reply(await fetch(`${url}${path}`, { headers: { authorization } }));
    },
    async post(path: string, form: Record<string, string> = {}, key?: string): Promise<Reply> {
      const headers = { authorization, ...(key !== undefined && { 'idempotency-key': key }) };
      return reply(
        await fetch(`${url}${path}`, { method: 'POST', headers, body: new URLSearchParams(form) }),
      );
    },
    async sim(method: string, path: string, body?: unknown): Promise<Reply> {
      const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
      return reply(await fetch(`${url}/_sim${path}`, init));
    },
  };
}

/** Allows for a busy machine. */
const LIMIT_MS = 60_000;

/** Polls until there is a value. @throws Error after `LIMIT_MS` */
export async function until<T>(read: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const limit = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > limit) throw new Error(`did not happen within ${LIMIT_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
