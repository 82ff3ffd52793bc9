/** Fraud outcomes at the endpoints, over REST and gRPC. No worker processes them here. */

import { randomUUID } from 'node:crypto';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStripeEvents } from '../adapters/stripe/events.ts';
import { openAccess, silentObservers, testAppOptions } from '../api/fakes.ts';
import { type GrpcServer, serveGrpc } from '../api/grpc/server.ts';
import { createApp } from '../api/http/app.ts';
import { PersonaError } from '../domain/errors.ts';
import type { FraudOutcomeReport } from '../domain/fraud/messages.ts';
import { applyFraudOutcome, getDevices } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { PersonaAgentClient } from '../proto/gen/persona/v1/persona_agent.ts';
import { unaryCall } from '../test/api-fixture.ts';
import { fraudReport } from '../test/fraud-fixtures.ts';
import { testHeader } from '../test/test-graph.ts';
import { customerWithCards, type TestWallet } from '../test/wallet-fixtures.ts';
import { startWebhooks, type WebhookFixture } from '../test/webhook-fixture.ts';
import { noAsking, unreadCatalogue } from '../test/catalogue-fixtures.ts';
import { contextReading } from '../test/context-fixture.ts';
import { createServices } from './services.ts';

const policy = readPolicy();
const unreachableTemporal = {
  withDeadline: (_: Date, work: () => Promise<unknown>) => work(),
  // Called by the gRPC health check every few seconds.
  workflowService: { getSystemInfo: () => Promise.reject(new Error('Temporal is unavailable')) },
  workflow: {
    signalWithStart: () =>
      Promise.reject(new PersonaError('temporal_unavailable', 'Temporal is unavailable')),
  },
} as unknown as Client;
let system: WebhookFixture;
let wallet: TestWallet;
let grpc: GrpcServer;
let agent: PersonaAgentClient;

beforeAll(async () => {
  system = await startWebhooks();
  wallet = await customerWithCards(system.graph, policy, { cards: 1 });
  grpc = await serveGrpc(
    { host: '127.0.0.1', port: 0 },
    servicesOn(system.temporal.client),
    silentObservers(),
    openAccess,
  );
  agent = new PersonaAgentClient(grpc.address, credentials.createInsecure());
});
afterAll(async () => {
  agent.close();
  await grpc.close();
  await system.close();
});

const servicesOn = (temporal: Client) =>
  createServices(
    {
      ...{
        graph: system.graph,
        temporal,
        policy,
        catalogue: unreadCatalogue(system.graph),
        asking: noAsking,
      },
      gatewayEvents: createStripeEvents('whsec_test'),
    },
    contextReading(policy),
  );

async function post(body: object, temporal = system.temporal.client) {
  const response = await createApp(servicesOn(temporal), silentObservers(), testAppOptions).request(
    '/internal/v1/fraud-outcomes',
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    },
  );
  return { status: response.status, body: (await response.json()) as Record<string, any> };
}

const suspected = (changes: Partial<FraudOutcomeReport> = {}) =>
  fraudReport({ customer_id: wallet.customer_id, outcome: 'suspected', ...changes });

const storedReportKinds = async ({ case_id }: FraudOutcomeReport) =>
  (
    await system.graph.read<{ kind: string }>(
      'MATCH (r:AcceptedReport {case_id: $case_id}) RETURN r.kind AS kind',
      { case_id },
    )
  ).map(({ kind }) => kind);

/** The signals sent to a case's process; none if there is no such process. */
async function signals({ case_id }: FraudOutcomeReport): Promise<unknown[]> {
  const handle = system.temporal.client.workflow.getHandle(`fraud-case:${case_id}`);
  const history = await handle.fetchHistory().catch(() => undefined);
  return (history?.events ?? []).flatMap(
    ({ workflowExecutionSignaledEventAttributes: signal }) => signal?.signalName ?? [],
  );
}

test('REST stores the message and signals its case; a repeated event has no further effect', async () => {
  const [device] = await getDevices(system.graph, wallet);
  const report = suspected({
    device_id: device?.device_id,
    new_trust_score: 0,
    payment_method_id: wallet.methods[0],
  });
  const answer = { status: 202, body: { workflow_id: `fraud-case:${report.case_id}` } };
  expect(await post(report)).toEqual(answer);
  expect(await storedReportKinds(report)).toEqual(['fraud_outcome']);
  expect(await signals(report)).toEqual(['fraudOutcome']);
  expect(await post(report)).toEqual(answer);
  expect(await post({ ...report, outcome: 'cleared' })).toMatchObject({
    status: 422,
    body: { type: 'urn:persona:error:idempotency_key_reused' },
  });
});

test('gRPC stores the message and signals its case', async () => {
  const report = suspected({ new_trust_score: 0.25 });
  const message = { ...report, occurred_at: new Date(report.occurred_at) };
  const workflow_id = `fraud-case:${report.case_id}`;
  expect(await unaryCall(agent, 'reportFraudOutcome', message)).toEqual({ workflow_id });
  expect(await storedReportKinds(report)).toEqual(['fraud_outcome']);
  expect(await signals(report)).toEqual(['fraudOutcome']);
  const unknown = { ...message, event_id: randomUUID(), customer_id: randomUUID() };
  const refusal = await unaryCall(agent, 'reportFraudOutcome', unknown).catch(
    (error: ServiceError) => error.code,
  );
  expect(refusal).toBe(status.NOT_FOUND);
});

test('while Temporal is unavailable the message is stored for the sweep', async () => {
  const report = suspected();
  expect(await post(report, unreachableTemporal)).toMatchObject({ status: 503 });
  expect(await storedReportKinds(report)).toEqual(['fraud_outcome']);
});

test('an inconsistent report is refused immediately; nothing is stored or started', async () => {
  const otherWallet = await customerWithCards(system.graph, policy, { cards: 1 });
  const known = suspected({ outcome: 'challenge_passed' });
  await applyFraudOutcome(system.graph, testHeader({ occurredAt: known.occurred_at }), known);
  const cases: [Partial<FraudOutcomeReport>, number, string][] = [
    [{ customer_id: randomUUID() }, 404, 'customer_not_found'],
    [{ device_id: randomUUID() }, 404, 'device_not_found'],
    [{ payment_method_id: otherWallet.methods[0] }, 404, 'payment_method_not_found'],
    [{ case_id: known.case_id, customer_id: otherWallet.customer_id }, 422, 'invalid_argument'],
    [{ occurred_at: '2999-01-01T00:00:00Z' }, 422, 'invalid_argument'],
    [{ new_trust_score: 1.1 }, 422, 'invalid_argument'],
    [{ reason: 'card 4242 4242 4242 4242' }, 422, 'card_number_refused'],
  ];
  for (const [changes, code, type] of cases) {
    const report = suspected(changes);
    const answer = await post(report);
    expect(answer, JSON.stringify(changes)).toMatchObject({
      status: code,
      body: { type: `urn:persona:error:${type}` },
    });
    expect(await storedReportKinds(report)).toEqual([]);
    expect(await signals(report)).toEqual([]);
  }
  const empty = await post({});
  expect(empty.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
    ...['#/case_id', '#/customer_id', '#/event_id', '#/occurred_at', '#/outcome', '#/reason'],
  ]);
});
