/** The API as a process: startup, refused startup and shutdown. */

import { credentials, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCustomer } from '../graph/index.ts';
import { HealthClient } from '../test/standard-grpc-clients.ts';
import { Consistency } from '../proto/gen/persona/v1/types.ts';
import { type ApiUnderTest, openApiUnderTest, spawnApi } from '../test/api-fixture.ts';
import { startTcpProxy } from '../test/faults/proxy.ts';
import { testHeader } from '../test/test-graph.ts';
import { sendRequest, newCustomerRequest } from './api-fixtures.ts';

let apiUnderTest: ApiUnderTest;
beforeAll(async () => {
  apiUnderTest = await openApiUnderTest();
});
afterAll(() => apiUnderTest.close());

test('reports that it is ready, counts its requests, and exits promptly with code 0 on SIGTERM', async () => {
  const api = await apiUnderTest.startApi();
  expect((await sendRequest(api, '/readyz')).body).toEqual({
    status: 'ready',
    dependencies: { neo4j: 'up', temporal: 'up' },
  });
  const metrics = await (await fetch(api.metrics)).text();
  expect(metrics).toMatch(/persona_request_duration_seconds_count\{[^}]*operation="GET \/readyz"[^}]*\} 1/);
  expect(await api.stop()).toBe(0);
});

function callUnary<T>(call: (done: (error: ServiceError | null, value: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)));
  });
}

test('contexts and profiles are read while Temporal is unavailable, also by a process that starts meanwhile', {
  timeout: 120_000,
}, async () => {
  const { customer_id } = await createCustomer(apiUnderTest.graph, testHeader(), {});
  const proxy = await startTcpProxy(process.env.TEMPORAL_ADDRESS ?? '');
  const variables = { TEMPORAL_ADDRESS: proxy.address };
  const startedBefore = await apiUnderTest.startApi(variables);
  const pollOptions = { timeout: 60_000 };
  await expect
    .poll(() => sendRequest(startedBefore, '/readyz'), pollOptions)
    .toMatchObject({ body: { status: 'ready' } });
  await proxy.close();
  const startedDuring = await apiUnderTest.startApi(variables);
  for (const api of [startedBefore, startedDuring]) {
    const dependencies = { neo4j: 'up', temporal: 'down' };
    await expect
      .poll(() => sendRequest(api, '/readyz'), pollOptions)
      .toMatchObject({ status: 200, body: { status: 'degraded', dependencies } });
    expect((await sendRequest(api, '/readyz?role=processes')).status).toBe(503);
    const request = {
      customer_id,
      transaction_id: '',
      consistency: Consistency.CONSISTENCY_STRONG,
      min_version: 1n,
    };
    const context = await callUnary((done) => api.agent.getCustomerContext(request, done));
    expect(context).toMatchObject({ customer_id, status: 'active' });
    expect(await sendRequest(api, `/api/v1/customers/${customer_id}/profile`)).toMatchObject({ status: 200 });

    const health = new HealthClient(api.grpc, credentials.createInsecure());
    const statusOf = (service: string) =>
      callUnary<{ status: string }>((done) => health.Check?.({ service }, done)).then(({ status }) => status);
    await expect.poll(() => statusOf('processes'), pollOptions).toBe('NOT_SERVING');
    for (const service of ['', 'persona.v1.PersonaAgent', 'persona.v1.IdentityGraphService'])
      expect(await statusOf(service)).toBe('SERVING');
    health.close();
  }
  const onboarding = await sendRequest(startedBefore, '/api/v1/customers', newCustomerRequest());
  expect(onboarding).toMatchObject({
    status: 503,
    body: { type: expect.stringContaining('temporal_unavailable') },
  });
});

test.each([
  ['without an issuer of tokens or PERSONA_INSECURE', {}, 78, 'AUTH_ISSUER: is missing'],
  [
    'in production',
    { PERSONA_INSECURE: '1', NODE_ENV: 'production' },
    78,
    'refused with NODE_ENV=production',
  ],
  [
    'on a non-loopback address',
    { PERSONA_INSECURE: '1', HTTP_HOST: '0.0.0.0' },
    78,
    'HTTP_HOST: must be a loopback address',
  ],
])('does not start %s', async (_, variables, code, line) => {
  const { exitCode, stderr } = await spawnApi(variables);
  expect(exitCode).toBe(code);
  expect(stderr).toContain(line);
});
