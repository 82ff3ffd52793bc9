/** The API's connections to Neo4j, Temporal and Redis over TLS, through a proxy: the development servers have none. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type DevelopmentCertificates, writeCertificates } from '../dev/access/certificates.ts';
import { type ApiUnderTest, openApiUnderTest, spawnApi, WEBHOOK_SECRET } from '../test/api-fixture.ts';
import { startTlsProxy } from '../test/tls-proxy.ts';
import { newCustomerRequest, sendRequest } from './api-fixtures.ts';

let folder: string;
let own: DevelopmentCertificates;
let other: DevelopmentCertificates;
let underTest: ApiUnderTest;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'persona-tls-servers-'));
  [own, other, underTest] = await Promise.all([
    writeCertificates(join(folder, 'own')),
    writeCertificates(join(folder, 'other')),
    openApiUnderTest(),
  ]);
});
afterAll(async () => {
  await underTest.close();
  rmSync(folder, { recursive: true, force: true });
});

const hostOf = (url: string | undefined) => new URL(url ?? '').host;

async function startProxies() {
  const { NEO4J_URI, TEMPORAL_ADDRESS = '', REDIS_URL } = process.env;
  const proxies = await Promise.all(
    [hostOf(NEO4J_URI), TEMPORAL_ADDRESS, hostOf(REDIS_URL)].map((target) =>
      startTlsProxy(target, own.server),
    ),
  );
  onTestFinished(async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))));
  const [neo4j, temporal, redis] = proxies.map(({ port }) => `localhost:${port}`);
  return {
    connections: () => proxies.map((proxy) => proxy.connections() > 0),
    variables: {
      NEO4J_URI: `bolt+s://${neo4j}`,
      TEMPORAL_ADDRESS: temporal ?? '',
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: own.ca,
      REDIS_URL: `rediss://${redis}`,
    },
  };
}

test('with their authority, the API is ready, onboards a customer and shares contexts', async () => {
  const { variables, connections } = await startProxies();
  const api = await underTest.startApi({ ...variables, NODE_EXTRA_CA_CERTS: own.ca });
  expect((await sendRequest(api, '/readyz')).body).toEqual({
    status: 'ready',
    dependencies: { neo4j: 'up', temporal: 'up' },
  });
  expect((await sendRequest(api, '/api/v1/customers', newCustomerRequest())).status).toBe(201);
  await expect.poll(connections).toEqual([true, true, true]);
});

test('with another authority it never sends a request to Neo4j', async () => {
  const { variables, connections } = await startProxies();
  const child = spawnApi({
    PERSONA_INSECURE: '1',
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    LOG_LEVEL: 'warn',
    ...variables,
    NODE_EXTRA_CA_CERTS: other.ca,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stderr?.on('data', (text) => (log += String(text)));
  await expect.poll(() => log).toContain('waiting for Neo4j');
  expect(connections()[0]).toBe(false);
});
