/** What every endpoint stores before it signals a recovery (docs/reference/workflows.md, 'Accepted messages'). No worker processes it here. */

import { randomUUID } from 'node:crypto';
import { credentials, status } from '@grpc/grpc-js';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStripeEvents } from '../adapters/stripe/events.ts';
import { openAccess, silentObservers, testAppOptions } from '../api/fakes.ts';
import { type GrpcServer, serveGrpc } from '../api/grpc/server.ts';
import { createApp } from '../api/http/app.ts';
import { PersonaError } from '../domain/errors.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { recoveryWorkflowId } from '../domain/workflow-contracts.ts';
import { type Graph, openGraph } from '../graph/index.ts';
import { openRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { PersonaAgentClient } from '../proto/gen/persona/v1/persona_agent.ts';
import { unaryCall } from '../test/api-fixture.ts';
import { testHeader } from '../test/test-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../test/wallet-fixtures.ts';
import { signature, startWebhooks, type WebhookFixture } from '../test/webhook-fixture.ts';
import { noAsking, unreadCatalogue } from '../test/catalogue-fixtures.ts';
import { contextReading } from '../test/context-fixture.ts';
import { type Services, createServices } from './services.ts';

const policy = readPolicy();
/** Temporal's client while its server is unavailable. */
const unreachableTemporal = {
  withDeadline: (_: Date, work: () => Promise<unknown>) => work(),
  // Called by the gRPC health check every few seconds.
  workflowService: { getSystemInfo: () => Promise.reject(new Error('Temporal is unavailable')) },
  workflow: {
    signalWithStart: () =>
      Promise.reject(new PersonaError('temporal_unavailable', 'Temporal is unavailable')),
  },
} as unknown as Client;
let webhooks: WebhookFixture;
let wallet: TestWallet;
let api: TestApi;
/** The same endpoints with a read-only graph, and with Temporal unavailable. */
let readOnlyApi: TestApi;
let apiWithoutTemporal: TestApi;
let unreachableGraph: Graph;

beforeAll(async () => {
  webhooks = await startWebhooks();
  const { graph, temporal } = webhooks;
  wallet = await customerWithCards(graph, policy);
  unreachableGraph = openGraph({ ...graph, uri: 'bolt://127.0.0.1:1', username: 'neo4j', password: 'none' });
  api = await openTestApi(graph, temporal.client);
  readOnlyApi = await openTestApi({ ...graph, writeSession: unreachableGraph.writeSession }, temporal.client);
  apiWithoutTemporal = await openTestApi(graph, unreachableTemporal);
});
afterAll(async () => {
  for (const { close } of [api, readOnlyApi, apiWithoutTemporal]) await close();
  await unreachableGraph.close();
  await webhooks.close();
});

type TestApi = Awaited<ReturnType<typeof openTestApi>>;
async function openTestApi(graph: Graph, temporal: Client) {
  const gatewayEvents = createStripeEvents('whsec_test');
  const services: Services = createServices(
    { graph, temporal, policy, gatewayEvents, catalogue: unreadCatalogue(graph), asking: noAsking },
    contextReading(policy),
  );
  const app = createApp(services, silentObservers(), testAppOptions);
  const grpc: GrpcServer = await serveGrpc(
    { host: '127.0.0.1', port: 0 },
    services,
    silentObservers(),
    openAccess,
  );
  const agent = new PersonaAgentClient(grpc.address, credentials.createInsecure());
  return {
    async post(path: string, body: string, headers: Record<string, string> = {}) {
      const all = { 'content-type': 'application/json', ...headers };
      return (await app.request(path, { method: 'POST', body, headers: all })).status;
    },
    call: (rpc: string, message: object) => unaryCall(agent, rpc, message),
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

/** How each endpoint receives a message about that payment; returns the HTTP status, or fails with the gRPC error. */
const ENTRY_POINTS: [string, string, (at: TestApi, failure: PaymentFailed) => Promise<unknown>][] = [
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

const storedReportKinds = async (payment_id: string) => {
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

test.each(ENTRY_POINTS)('%s stores the message and signals the recovery', async (_, kind, send) => {
  const failure = failureOf(wallet);
  await send(api, failure);
  expect(await storedReportKinds(failure.payment_id)).toEqual([kind]);
  expect(await isSignalled(failure.payment_id)).toBe(true);
});

test.each(ENTRY_POINTS)(
  '%s is unavailable if the message cannot be stored, and signals nothing',
  async (_, __, send) => {
    const failure = failureOf(wallet);
    const answer = await send(readOnlyApi, failure).catch((error) => error.code);
    expect([503, status.UNAVAILABLE]).toContain(answer);
    expect(await isSignalled(failure.payment_id)).toBe(false);
  },
);

test.each(ENTRY_POINTS)(
  '%s stores the message for the sweep while Temporal is unavailable',
  async (_, kind, send) => {
    const failure = failureOf(wallet);
    const answer = await send(apiWithoutTemporal, failure).catch((error) => error.code);
    expect([503, status.UNAVAILABLE]).toContain(answer);
    expect(await storedReportKinds(failure.payment_id)).toEqual([kind]);
  },
);

test('a repeated report that has already been recorded is not stored again', async () => {
  const failure = failureOf(wallet);
  const send = () => api.post('/internal/v1/payment-failures', JSON.stringify(failure));
  expect(await send()).toBe(202);
  const header = testHeader({ occurredAt: failure.occurred_at });
  const input = { failure, policy, now: Date.now(), claim_first: false };
  await openRecovery(webhooks.graph, header, input);
  expect(await send()).toBe(202);
  expect(await storedReportKinds(failure.payment_id)).toEqual([]);
});

test('a webhook is stored before its recovery is signalled, and refused if it cannot be stored', async () => {
  const { outage: line, stripe } = webhooks;
  line.active = true;
  const { payment_id, order } = await webhooks.recovery(await webhooks.cardHolder());
  await stripe.charge(order);
  const [lost] = await webhooks.delivered([order.gateway_customer_ref, 'payment_intent.succeeded']);
  line.active = false;
  const text = lost?.text ?? '';
  const send = (at: TestApi) => at.post('/webhooks/stripe', text, { 'stripe-signature': signature(text) });
  expect(await send(readOnlyApi)).toBe(503);
  expect(await isSignalled(payment_id)).toBe(false);
  expect(await storedReportKinds(payment_id)).toEqual([]);
  expect(await send(apiWithoutTemporal)).toBe(503);
  expect(await storedReportKinds(payment_id)).toEqual(['charge_result']);
  expect(await send(api)).toBe(200);
  expect(await storedReportKinds(payment_id)).toEqual(['charge_result']);
  expect(await isSignalled(payment_id)).toBe(true);
});

test('a report about an unknown customer is refused and not stored', async () => {
  const failure = failureOf({ customer_id: randomUUID(), methods: wallet.methods });
  expect(await api.post('/internal/v1/payment-failures', JSON.stringify(failure))).toBe(404);
  expect(await storedReportKinds(failure.payment_id)).toEqual([]);
});
