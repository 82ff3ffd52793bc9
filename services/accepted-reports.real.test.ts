/** What every edge writes down before it signals a recovery (specification: workflows, 2). No worker takes it in here. */

import { randomUUID } from 'node:crypto';
import { credentials, status } from '@grpc/grpc-js';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStripeEvents } from '../adapters/stripe/events.ts';
import { quietObservers, unhurried } from '../api/fakes.ts';
import { type GrpcServer, serveGrpc } from '../api/grpc/server.ts';
import { createApp } from '../api/http/app.ts';
import { PersonaError } from '../domain/errors.ts';
import { recoveryWorkflowId } from '../domain/processes.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { type Graph, openGraph } from '../graph/index.ts';
import { openRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { PersonaAgentClient } from '../proto/gen/persona/v1/persona_agent.ts';
import { call } from '../test/api.ts';
import { testHeader } from '../test/graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../test/wallets.ts';
import { signature, startWebhooks, type WebhookFixture } from '../test/webhooks.ts';
import { createServices } from './create.ts';
import type { Services } from './services.ts';

const policy = readPolicy();
/** Temporal's client while its server is away. */
const awayClient = {
  withDeadline: (_: Date, work: () => Promise<unknown>) => work(),
  // What the health of gRPC asks, every few seconds.
  workflowService: { getSystemInfo: () => Promise.reject(new Error('Temporal is away')) },
  workflow: {
    signalWithStart: () => Promise.reject(new PersonaError('temporal_unavailable', 'Temporal is away')),
  },
} as unknown as Client;
let webhooks: WebhookFixture;
let wallet: TestWallet;
let edges: Edges;
/** The same edges where the graph can be read and not written, and where Temporal is away. */
let unwritable: Edges;
let unsignalled: Edges;
let nowhere: Graph;

beforeAll(async () => {
  webhooks = await startWebhooks();
  const { graph, temporal } = webhooks;
  wallet = await customerWithCards(graph, policy);
  nowhere = openGraph({ ...graph, uri: 'bolt://127.0.0.1:1', username: 'neo4j', password: 'none' });
  edges = await openEdges(graph, temporal.client);
  unwritable = await openEdges({ ...graph, writeSession: nowhere.writeSession }, temporal.client);
  unsignalled = await openEdges(graph, awayClient);
});
afterAll(async () => {
  for (const { close } of [edges, unwritable, unsignalled]) await close();
  await nowhere.close();
  await webhooks.close();
});

type Edges = Awaited<ReturnType<typeof openEdges>>;
async function openEdges(graph: Graph, temporal: Client) {
  const gatewayEvents = createStripeEvents('whsec_test');
  const services: Services = createServices({ graph, temporal, policy, gatewayEvents }, () => {});
  const app = createApp(services, quietObservers(), unhurried);
  const grpc: GrpcServer = await serveGrpc({ host: '127.0.0.1', port: 0 }, services, quietObservers());
  const agent = new PersonaAgentClient(grpc.address, credentials.createInsecure());
  return {
    async post(path: string, body: string, headers: Record<string, string> = {}) {
      const all = { 'content-type': 'application/json', ...headers };
      return (await app.request(path, { method: 'POST', body, headers: all })).status;
    },
    call: (rpc: string, message: object) => call(agent, rpc, message),
    async close() {
      agent.close();
      await grpc.close();
    },
  };
}

const settlementOf = ({ event_id, payment_id, customer_id, occurred_at }: PaymentFailed) => ({
  ...{ event_id, payment_id, customer_id },
  settled_at: occurred_at,
});
const grpcOf = (failure: PaymentFailed) => ({
  ...failure,
  amount: BigInt(failure.amount),
  occurred_at: new Date(failure.occurred_at),
});
const settledOverGrpc = (failure: PaymentFailed) => ({
  ...settlementOf(failure),
  settled_at: new Date(failure.occurred_at),
});

/** How each edge is handed a message about that payment; gives the HTTP status, or fails as gRPC does. */
const EDGES: [string, string, (at: Edges, failure: PaymentFailed) => Promise<unknown>][] = [
  [
    'POST /internal/v1/payment-failures',
    'payment_failed',
    (at, failure) => at.post('/internal/v1/payment-failures', JSON.stringify(failure)),
  ],
  [
    'POST /internal/v1/payment-settlements',
    'payment_settled',
    (at, failure) => at.post('/internal/v1/payment-settlements', JSON.stringify(settlementOf(failure))),
  ],
  [
    'ReportPaymentFailure',
    'payment_failed',
    (at, failure) => at.call('reportPaymentFailure', grpcOf(failure)),
  ],
  [
    'ReportPaymentSettled',
    'payment_settled',
    (at, failure) => at.call('reportPaymentSettled', settledOverGrpc(failure)),
  ],
];

const kept = async (payment_id: string) => {
  const rows = await webhooks.graph.read<{ kind: string }>(
    'MATCH (r:AcceptedReport {payment_id: $payment_id}) RETURN r.kind AS kind',
    { payment_id },
  );
  return rows.map(({ kind }) => kind);
};
const isSignalled = (payment_id: string) =>
  webhooks.temporal.client.workflow
    .getHandle(recoveryWorkflowId(payment_id))
    .describe()
    .then(
      () => true,
      () => false,
    );

test.each(EDGES)('%s keeps the message and signals', async (_, kind, send) => {
  const failure = failureOf(wallet);
  await send(edges, failure);
  expect(await kept(failure.payment_id)).toEqual([kind]);
  expect(await isSignalled(failure.payment_id)).toBe(true);
});

test.each(EDGES)(
  '%s is unavailable where the message cannot be kept, and signals nothing',
  async (_, __, send) => {
    const failure = failureOf(wallet);
    const answer = await send(unwritable, failure).catch((error) => error.code);
    expect([503, status.UNAVAILABLE]).toContain(answer);
    expect(await isSignalled(failure.payment_id)).toBe(false);
  },
);

test.each(EDGES)('%s keeps the message for the sweep where Temporal is away', async (_, kind, send) => {
  const failure = failureOf(wallet);
  const answer = await send(unsignalled, failure).catch((error) => error.code);
  expect([503, status.UNAVAILABLE]).toContain(answer);
  expect(await kept(failure.payment_id)).toEqual([kind]);
});

test('what was recorded long ago and is reported again is not kept for ever', async () => {
  const failure = failureOf(wallet);
  const send = () => edges.post('/internal/v1/payment-failures', JSON.stringify(failure));
  expect(await send()).toBe(202);
  const header = testHeader({ occurredAt: failure.occurred_at });
  const asked = { failure, policy, now: Date.now(), claim_first: false };
  await openRecovery(webhooks.graph, header, asked);
  expect(await send()).toBe(202);
  expect(await kept(failure.payment_id)).toEqual([]);
});

test('a webhook is kept before its recovery is signalled, and refused where it cannot be kept', async () => {
  const { line, stripe } = webhooks;
  line.away = true;
  const { payment_id, order } = await webhooks.recovery(await webhooks.cardHolder());
  await stripe.charge(order);
  const [lost] = await webhooks.delivered([order.gateway_customer_ref, 'payment_intent.succeeded']);
  line.away = false;
  const text = lost?.text ?? '';
  const send = (at: Edges) => at.post('/webhooks/stripe', text, { 'stripe-signature': signature(text) });
  expect(await send(unwritable)).toBe(503);
  expect(await isSignalled(payment_id)).toBe(false);
  expect(await kept(payment_id)).toEqual([]);
  expect(await send(unsignalled)).toBe(503);
  expect(await kept(payment_id)).toEqual(['charge_result']);
  expect(await send(edges)).toBe(200);
  expect(await kept(payment_id)).toEqual(['charge_result']);
  expect(await isSignalled(payment_id)).toBe(true);
});

test('a report of a stranger is refused, and nothing of it is kept', async () => {
  const failure = failureOf({ customer_id: randomUUID(), methods: wallet.methods });
  expect(await edges.post('/internal/v1/payment-failures', JSON.stringify(failure))).toBe(404);
  expect(await kept(failure.payment_id)).toEqual([]);
});
