import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createContextMetrics } from '../../platform/context-metrics.ts';
import { readsIn, readsSince, shareOf } from './cache-reads.ts';

test('reads are counted from the metrics that a process reports', async () => {
  const registry = new Registry();
  const { onRead } = createContextMetrics(registry);
  onRead('hit', 5);
  onRead('hit', 5);
  onRead('miss');
  expect(readsIn(await registry.metrics())).toEqual({ hit: 2, miss: 1 });
});

test('shares are those of all processes together, since the earlier readings', () => {
  const reads = readsSince(
    [{ hit: 10, miss: 1 }, {}],
    [
      { hit: 16, miss: 2 },
      { hit: 2, shared: 1 },
    ],
  );
  expect(reads).toEqual({ hit: 8, miss: 1, shared: 1 });
  expect(shareOf(reads, ['hit'])).toBe(80);
  expect(shareOf(reads, ['shared', 'miss', 'stale'])).toBe(20);
});
