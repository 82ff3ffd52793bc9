/** What callers of gRPC see when the process does not admit their call, and what REST and gRPC share. */

import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { EventEmitter } from 'node:events';
import { createMetrics } from '../../platform/metrics.ts';
import { ErrorInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { IdentityGraphServiceClient } from '../../proto/gen/persona/v1/identity_graph.ts';
import { PersonaAgentClient } from '../../proto/gen/persona/v1/persona_agent.ts';
import type { Services } from '../../services/services.ts';
import { createAdmission } from '../admission.ts';
import { type Authentication, insecureAuthentication } from '../access/authenticate.ts';
import { fakeServices, openAccess, silentObservers, testAppOptions } from '../fakes.ts';
import { createApp } from '../http/app.ts';
import { ALL_GRANTS, type Identity } from '../access/identity.ts';
import { admitCalls } from './admission.ts';
import { serveGrpc } from './server.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';

/** One process with both interfaces. */
async function startProcess(stubs: Partial<Services>, service = 0, isStarted = () => true) {
  const metrics = createMetrics();
  const lines: Record<string, unknown>[] = [];
  const observers = { ...silentObservers((line) => lines.push(JSON.parse(line))), metrics };
  const rateLimits = { customer: 0, service, webhook: 0, unauthenticated: 0 };
  const admission = createAdmission(metrics, { rateLimits, isStarted, eventLoopDelayMs: () => 0 });
  const services = fakeServices(stubs);
  const server = await serveGrpc({ host: '127.0.0.1', port: 0 }, services, observers, {
    ...openAccess,
    admission,
  });
  const agent = new PersonaAgentClient(server.address, credentials.createInsecure());
  const graph = new IdentityGraphServiceClient(server.address, credentials.createInsecure());
  onTestFinished(async () => {
    agent.close();
    graph.close();
    await server.close();
  });
  const inProgress = async () => (await metrics.requestsInProgress.get()).values[0]?.value;
  const app = createApp(services, observers, { ...testAppOptions, admission });
  return { agent, graph, app, lines, inProgress, metrics };
}

type Agent = Pick<PersonaAgentClient, 'getRecovery'>;
const getRecovery = (agent: Agent) =>
  new Promise<ServiceError | object>((resolve) => {
    agent.getRecovery({ payment_id: 'p' }, (error, response) => resolve(error ?? response));
  });

function refusalOf(error: unknown) {
  const { code, details: message, metadata } = error as ServiceError;
  const [bytes] = metadata.get('grpc-status-details-bin');
  const { details } = Status.decode(bytes as Buffer);
  const detail = (name: string) => details.find(({ type_url }) => type_url.endsWith(name))?.value as Buffer;
  const delay = RetryInfo.decode(detail('RetryInfo')).retry_delay;
  return {
    code,
    message,
    reason: ErrorInfo.decode(detail('ErrorInfo')).reason,
    retryMs: Number(delay?.seconds) * 1_000 + (delay?.nanos ?? 0) / 1e6,
  };
}

const recovery = { payment_id: 'p', state: 'done', attempts: [] } as never;

test('calls and requests of the service share one window, and the refusal says when to come back', async () => {
  const { agent, app, lines, metrics } = await startProcess({ getRecovery: async () => recovery }, 2);
  expect(await getRecovery(agent)).toMatchObject({ payment_id: 'p' });
  const rest = await app.request('/internal/v1/payment-failures', { method: 'POST' });
  expect(rest.headers.get('ratelimit-remaining')).toBe('0');
  const { code, reason, message, retryMs } = refusalOf(await getRecovery(agent));
  expect([code, reason]).toEqual([status.RESOURCE_EXHAUSTED, 'rate_limited']);
  expect(message).toMatch(/^More than 2 requests per minute; retry in \d+ s$/);
  expect(retryMs).toBeGreaterThan(0);
  expect(retryMs).toBeLessThanOrEqual(60_000);
  expect(lines.at(-1)).toMatchObject({
    operation: 'GetRecovery',
    code: 'RESOURCE_EXHAUSTED',
    error_type: 'rate_limited',
    payment_id: 'p',
  });
  const { values } = await metrics.requestsRefused.get();
  expect(values).toEqual([{ labels: { reason: 'rate_limit' }, value: 1 }]);
});

test('above its share of requests in progress the service is refused, over both interfaces', async () => {
  const held = Promise.withResolvers<never>();
  const { agent, app, lines, inProgress } = await startProcess({ getRecovery: () => held.promise });
  const calls = Array.from({ length: 500 }, () => getRecovery(agent));
  await expect.poll(inProgress).toBe(500);
  expect(refusalOf(await getRecovery(agent))).toMatchObject({
    code: status.UNAVAILABLE,
    reason: 'overloaded',
    retryMs: 1_000,
  });
  // It costs little: one prepared line, no stack.
  expect(lines.at(-1)).toMatchObject({ level: 30, code: 'UNAVAILABLE', error_type: 'overloaded' });
  const refused = await app.request('/internal/v1/payment-failures', { method: 'POST' });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toMatchObject({ type: 'urn:persona:error:overloaded' });
  expect((await app.request('/healthz')).status).toBe(200);
  held.resolve(recovery);
  await Promise.all(calls);
  expect(await inProgress()).toBe(0);
});

test('a stream is in progress until it ends, also if its caller cancels it', async () => {
  const item = { seq: 1, type: 'Masked', occurred_at: '2026-04-18T10:00:00.000Z', text: 'words' };
  let page = Promise.resolve({ items: [item], next_cursor: null });
  const { graph, inProgress } = await startProcess({ getTimeline: () => page as never });
  const request = { customer_id: CUSTOMER, limit: 1 };
  expect(await graph.getTimeline(request).toArray()).toHaveLength(1);
  await expect.poll(inProgress).toBe(0);

  page = new Promise(() => {});
  const stream = graph.getTimeline(request);
  const ended = new Promise((resolve) => stream.once('error', resolve));
  await expect.poll(inProgress).toBe(1);
  stream.cancel();
  await ended;
  await expect.poll(inProgress).toBe(0);
});

test('a process that has not started refuses requests, and answers probes', async () => {
  let isStarted = false;
  const stubs = { getRecovery: async () => recovery };
  const { agent, graph, app } = await startProcess(stubs, 0, () => isStarted);
  expect(refusalOf(await getRecovery(agent))).toMatchObject({
    code: status.UNAVAILABLE,
    reason: 'graph_unavailable',
    retryMs: 1_000,
  });
  const stream = graph.getTimeline({ customer_id: CUSTOMER, limit: 1 }, new Metadata());
  expect(refusalOf(await new Promise((resolve) => stream.once('error', resolve)))).toMatchObject({
    code: status.UNAVAILABLE,
  });
  expect((await app.request(`/api/v1/customers/${CUSTOMER}/profile`)).status).toBe(503);
  expect((await app.request('/healthz')).status).toBe(200);
  isStarted = true;
  expect(await getRecovery(agent)).toMatchObject({ payment_id: 'p' });
});

test('a call that ends while its token is checked takes no place', async () => {
  const checked = Promise.withResolvers<Identity>();
  const slow: Authentication = { ...insecureAuthentication, rpc: () => checked.promise };
  const metrics = createMetrics();
  const rateLimits = { customer: 0, service: 0, webhook: 0, unauthenticated: 0 };
  const admission = createAdmission(metrics, {
    rateLimits,
    isStarted: () => true,
    eventLoopDelayMs: () => 0,
  });
  let calls = 0;
  const handlers = { getTimeline: () => void (calls += 1) };
  const { getTimeline } = admitCalls(handlers, silentObservers(), { admission, authentication: slow });
  const call = Object.assign(new EventEmitter(), {
    metadata: new Metadata(),
    request: {},
    cancelled: false,
    getAuthContext: () => ({}),
    getPeer: () => '127.0.0.1:50000',
  });
  (getTimeline as (call: object) => void)(call);
  call.cancelled = true;
  call.emit('cancelled');
  checked.resolve({ name: 'service', grants: ALL_GRANTS });
  await checked.promise;
  await Promise.resolve();
  expect([calls, (await metrics.requestsInProgress.get()).values[0]?.value]).toEqual([0, 0]);
});
