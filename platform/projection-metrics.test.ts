import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createProjectionMetrics } from './projection-metrics.ts';

test('each projection has its lag and what is allowed, read once for each scrape', async () => {
  const registry = new Registry();
  let reads = 0;
  let read = async () => [
    { name: 'a', lag: { events: 3, seconds: 1.5 }, max_lag_seconds: 300 },
    { name: 'b', max_lag_seconds: 10 },
  ];
  createProjectionMetrics(registry, () => {
    reads += 1;
    return read();
  });
  const text = await registry.metrics();
  expect(text).toMatch(/^persona_projection_lag_events\{projection="a"\} 3$/m);
  expect(text).toMatch(/^persona_projection_lag_seconds\{projection="a"\} 1\.5$/m);
  expect(text).toMatch(/^persona_projection_max_lag_seconds\{projection="b"\} 10$/m);
  // Nothing is published here: there is no lag.
  expect(text).not.toMatch(/^persona_projection_lag_\w+\{projection="b"\}/m);
  expect(reads).toBe(1);
  read = () => Promise.reject(new Error('the graph is away'));
  expect(await registry.metrics()).not.toMatch(/^persona_projection_/m);
});
