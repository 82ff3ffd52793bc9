/** On a clock of long ago, so that nothing of another test is due. */

import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { advanceRetention, beginRetention, type RetentionProgress } from '../domain/retention.ts';
import { createCustomer, recordDisclosures } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { testGraph, testHeader } from '../test/test-graph.ts';
import { createRetentionActivities } from './retention.ts';

const graph = await testGraph();
const policy = readPolicy();
/** Before everything in `graph/retention/retention.real.test.ts`. */
const NOW = Date.parse('1971-01-01T00:00:00Z');

test('an attempt after a crash goes on where the last heartbeat says, and counts what it removes itself', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const disclosed = { recipient: 'oracle', purpose: 'analytics', categories: ['history' as const] };
  const day = (n: number) => `1960-01-0${n}`;
  await recordDisclosures(
    graph,
    [1, 2, 3].map((n) => ({ customer_id, day: day(n), ...disclosed })),
  );
  const removed: number[] = [];
  const { removeExpired } = createRetentionActivities({
    ...{ graph: { ...graph, now: () => NOW }, policy, now: () => NOW },
    countRemoved: ({ disclosures }) => removed.push(disclosures),
  });
  const heartbeats: RetentionProgress[] = [];
  const attempt = (heartbeatDetails?: RetentionProgress) => {
    const environment = new MockActivityEnvironment({ heartbeatDetails });
    environment.on('heartbeat', (progress: RetentionProgress) => heartbeats.push(progress));
    return environment.run(() => removeExpired()) as Promise<RetentionProgress>;
  };
  const begun = { ...beginRetention(NOW), step: 'metrics' as const };
  const crashed = advanceRetention({ ...begun, counts: { ...begun.counts, disclosures: 7 } }, { removed: 0 });
  const { step, counts } = await attempt(crashed);
  expect({ step, disclosures: counts.disclosures }).toEqual({ step: null, disclosures: 10 });
  expect(removed.reduce((sum, count) => sum + count, 0)).toBe(3);
  // A step has one page or many, as many customers as other tests have left.
  const steps = new Set(heartbeats.map((progress) => progress.step));
  expect([...steps]).toEqual(['sightings', 'recovery', 'financial', null]);
});
