/** The API process while it waits for Neo4j, and what ends the wait. */

import { credentials } from '@grpc/grpc-js';
import getPort from 'get-port';
import { expect, onTestFinished, test } from 'vitest';
import { HealthClient } from '../test/standard-grpc-clients.ts';
import { spawnApi, WEBHOOK_SECRET } from '../test/api-fixture.ts';
import { startTcpProxy } from '../test/faults/proxy.ts';
import { readReadyLine } from '../test/ready-line.ts';

const UNKNOWN = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';

/** An API whose Neo4j is away until `startNeo4j`. */
async function startWithoutNeo4j() {
  const [neo4j, http, grpc, metrics] = await Promise.all([getPort(), getPort(), getPort(), getPort()]);
  const child = spawnApi({
    PERSONA_INSECURE: '1',
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    LOG_LEVEL: 'info',
    NEO4J_URI: `bolt://127.0.0.1:${neo4j}`,
    HTTP_PORT: String(http),
    GRPC_PORT: String(grpc),
    METRICS_PORT: String(metrics),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const url = (port: number) => (path: string) => `http://127.0.0.1:${port}${path}`;
  return {
    child,
    api: url(http),
    probe: url(metrics),
    grpc: `127.0.0.1:${grpc}`,
    async startNeo4j() {
      const proxy = await startTcpProxy(new URL(process.env.NEO4J_URI ?? '').host, neo4j);
      onTestFinished(() => proxy.close());
    },
  };
}

const readinessAt = async (url: string) => {
  const response = await fetch(url).catch(() => undefined);
  return [response?.status, await response?.json()];
};

test('waits for Neo4j: it is alive, names what it waits for, refuses requests, and serves once Neo4j is there', async () => {
  const { child, api, probe, grpc, startNeo4j } = await startWithoutNeo4j();
  const starting = [503, { status: 'starting', dependencies: { neo4j: 'down', temporal: 'up' } }];
  for (const url of [probe('/readyz'), api('/readyz')])
    await expect.poll(() => readinessAt(url)).toEqual(starting);
  for (const url of [probe('/healthz'), api('/healthz')]) expect((await fetch(url)).status).toBe(200);
  const health = new HealthClient(grpc, credentials.createInsecure());
  onTestFinished(() => health.close());
  const statusOf = (service: string) =>
    new Promise((resolve) => {
      health.Check?.({ service }, (error: unknown, response: { status: string }) =>
        resolve(error ?? response.status),
      );
    });
  const names = [
    '',
    'persona.v1.PersonaAgent',
    'persona.v1.IdentityGraphService',
    'persona.v1.PersonaCatalogue',
    'processes',
  ];
  for (const name of names) expect(await statusOf(name)).toBe('NOT_SERVING');
  const refused = await fetch(api(`/api/v1/customers/${UNKNOWN}/profile`));
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toMatchObject({ type: 'urn:persona:error:graph_unavailable' });
  const catalogue = await fetch(api('/health'));
  expect([catalogue.status, await catalogue.json()]).toMatchObject([503, { status: 'starting' }]);

  await startNeo4j();
  const addresses = await readReadyLine(child);
  expect(new URL(addresses.http).port).toBe(new URL(api('/')).port);
  expect(await readinessAt(probe('/readyz'))).toEqual([
    200,
    { status: 'ready', dependencies: { neo4j: 'up', temporal: 'up' } },
  ]);
  for (const name of names) expect(await statusOf(name)).toBe('SERVING');
  expect((await fetch(api(`/api/v1/customers/${UNKNOWN}/profile`))).status).toBe(404);
  child.kill('SIGTERM');
  const { exitCode, stderr } = await child;
  expect(exitCode).toBe(0);
  const lines = stderr.split('\n').map((line) => JSON.parse(line));
  expect(lines.find(({ waiting_for }) => waiting_for !== undefined)).toMatchObject({
    level: 'warn',
    waiting_for: 'Neo4j',
    reason: expect.stringContaining('NEO4J_URI'),
  });
});

test('ends cleanly on SIGTERM while it waits', async () => {
  const { child, probe } = await startWithoutNeo4j();
  await expect.poll(() => readinessAt(probe('/readyz'))).toMatchObject([503, { status: 'starting' }]);
  child.kill('SIGTERM');
  const { exitCode, stdout, stderr } = await child;
  expect([exitCode, stdout]).toEqual([0, '']);
  expect(stderr).toMatch(/"msg":"stopped"/);
});

test('wrong credentials end it at once, with a message', async () => {
  const { exitCode, stderr, stdout } = await spawnApi({
    PERSONA_INSECURE: '1',
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    // Not a wrong password: Neo4j would lock the account of the other tests.
    NEO4J_USERNAME: 'unknown',
  });
  expect([exitCode, stdout]).toEqual([1, '']);
  expect(stderr).toContain('Neo4j rejected the credentials: check NEO4J_USERNAME and NEO4J_PASSWORD');
  expect(stderr).not.toMatch(/^ {4}at /m);
});
