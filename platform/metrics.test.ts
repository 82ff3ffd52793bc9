import { expect, onTestFinished, test } from 'vitest';
import { createMetrics, serveMetrics } from './metrics.ts';

test('/metrics shows what was counted', async () => {
  const metrics = createMetrics();
  metrics.contextCache.inc({ result: 'hit' }, 3);
  const server = await serveMetrics(0, () => metrics.registry.metrics());
  onTestFinished(() => server.close());

  const answer = await fetch(server.url);
  expect(answer.headers.get('content-type')).toContain('version=0.0.4');
  expect(await answer.text()).toContain('persona_context_cache_total{result="hit"} 3');
  expect((await fetch(new URL('/other', server.url))).status).toBe(404);
});

test('a collector that fails is a 500, not a hanging request', async () => {
  const server = await serveMetrics(0, () => Promise.reject(new Error('no numbers')));
  onTestFinished(() => server.close());
  expect((await fetch(server.url)).status).toBe(500);
});
