import { expect, onTestFinished, test } from 'vitest';
import { createMetrics, serveMetrics } from './metrics.ts';
import { type Readiness, readinessOf } from './readiness.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };
const readiness = async () => readinessOf({ neo4j: 'up' }, 'running');

test('the probes report whether the process is alive, and whether it is ready', async () => {
  let state: Readiness = { status: 'starting', dependencies: {} };
  const server = await serveMetrics(LOOPBACK, { metrics: async () => '', readiness: async () => state });
  onTestFinished(() => server.close());
  const ask = async (path: string) => {
    const answer = await fetch(new URL(path, server.url));
    return [answer.status, await answer.json()];
  };
  expect(await ask('/healthz')).toEqual([200, { status: 'ok' }]);
  expect(await ask('/readyz')).toEqual([503, state]);
  state = readinessOf({ neo4j: 'up', temporal: 'up' }, 'running');
  expect(await ask('/readyz')).toEqual([
    200,
    { status: 'ready', dependencies: { neo4j: 'up', temporal: 'up' } },
  ]);
  state = readinessOf({ neo4j: 'down', temporal: 'up' }, 'running');
  expect(await ask('/readyz')).toEqual([
    503,
    { status: 'unavailable', dependencies: { neo4j: 'down', temporal: 'up' } },
  ]);
  state = readinessOf({ neo4j: 'up' }, 'stopping');
  expect(await ask('/readyz')).toEqual([503, { status: 'stopping', dependencies: { neo4j: 'up' } }]);
});

test('/metrics exposes the counters', async () => {
  const metrics = createMetrics();
  metrics.requestDuration.observe({ face: 'http', operation: 'GET /', code: '200' }, 0.2);
  const server = await serveMetrics(LOOPBACK, { metrics: () => metrics.registry.metrics(), readiness });
  onTestFinished(() => server.close());

  const answer = await fetch(server.url);
  expect(answer.headers.get('content-type')).toContain('version=0.0.4');
  expect(await answer.text()).toContain(
    'persona_request_duration_seconds_sum{face="http",operation="GET /",code="200"} 0.2',
  );
  expect((await fetch(new URL('/other', server.url))).status).toBe(404);
});

test('a failing collector results in a 500, not a hanging request', async () => {
  const metrics = () => Promise.reject(new Error('no numbers'));
  const server = await serveMetrics(LOOPBACK, { metrics, readiness });
  onTestFinished(() => server.close());
  expect((await fetch(server.url)).status).toBe(500);
});

// On other platforms only 127.0.0.1 is configured on loopback.
test.runIf(process.platform === 'linux')(
  'the server is reachable only on the addresses that it listens on',
  async () => {
    const serve = async (host: string) => {
      const server = await serveMetrics({ host, port: 0 }, { metrics: async () => '', readiness });
      onTestFinished(() => server.close());
      return server.url;
    };
    const another = (url: string) => fetch(url.replace('127.0.0.1', '127.0.0.2'));
    const everywhere = await serve('0.0.0.0');
    expect(everywhere).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect((await fetch(everywhere)).status).toBe(200);
    expect((await another(everywhere)).status).toBe(200);
    await expect(another(await serve('127.0.0.1'))).rejects.toThrow();
  },
);
