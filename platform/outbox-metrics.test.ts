import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createOutboxMetrics } from './outbox-metrics.ts';

test('the lag is read for each scrape, and absent while it cannot be read', async () => {
  const registry = new Registry();
  let read = async (): Promise<{ events: number; seconds: number } | undefined> => ({
    events: 3,
    seconds: 1.5,
  });
  createOutboxMetrics(registry, () => read());
  expect(await registry.metrics()).toMatch(/^persona_outbox_lag_events 3$/m);
  expect(await registry.metrics()).toMatch(/^persona_outbox_lag_seconds 1\.5$/m);
  read = () => Promise.reject(new Error('the graph is away'));
  expect(await registry.metrics()).not.toMatch(/^persona_outbox_lag/m);
  read = async () => undefined;
  expect(await registry.metrics()).not.toMatch(/^persona_outbox_lag/m);
  read = async () => ({ events: 0, seconds: 0 });
  expect(await registry.metrics()).toMatch(/^persona_outbox_lag_events 0$/m);
});

test('published events are counted, and blocked streams shown as they are now', async () => {
  const registry = new Registry();
  const observe = createOutboxMetrics(registry, async () => undefined);
  observe({ published: 500 });
  observe({ published: 20, blocked: ['a stream', 'another'] });
  expect(await registry.metrics()).toMatch(/^persona_outbox_published_events_total 520$/m);
  expect(await registry.metrics()).toMatch(/^persona_outbox_blocked_streams 2$/m);
  observe({ blocked: [] });
  expect(await registry.metrics()).toMatch(/^persona_outbox_blocked_streams 0$/m);
});
