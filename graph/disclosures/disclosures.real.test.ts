import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Disclosed } from '../../domain/disclosures/disclosed.ts';
import { runCypher, testGraph, testHeader, excludeFromVerification } from '../../test/test-graph.ts';
import { createCustomer, getDisclosures, recordDisclosures } from '../index.ts';

const graph = await testGraph();
const ROUTING: Disclosed = {
  recipient: 'cerebrum',
  purpose: 'payment routing',
  categories: ['profile', 'devices'],
};
const ANALYTICS: Disclosed = { recipient: 'oracle', purpose: 'analytics', categories: ['history'] };

const newCustomer = async () => (await createCustomer(graph, testHeader(), {})).customer_id;

test('each recipient and purpose is listed once with its categories and days, the latest first', async () => {
  const customer_id = await newCustomer();
  const on = (day: string, disclosed: Disclosed) => ({ customer_id, day, ...disclosed });
  const first = [
    on('2026-11-01', ANALYTICS),
    on('2026-11-02', ROUTING),
    on('2026-11-02', { ...ROUTING, categories: ['payment_methods', 'profile'] }),
    on('2026-11-04', ROUTING),
  ];
  await recordDisclosures(graph, first);
  // After an outage, or by another process: nothing changes.
  await recordDisclosures(graph, first);
  expect(await getDisclosures(graph, { customer_id })).toEqual([
    {
      ...{ recipient: 'cerebrum', purpose: 'payment routing' },
      categories: ['devices', 'payment_methods', 'profile'],
      ...{ days: 2, first_day: '2026-11-02', last_day: '2026-11-04' },
    },
    { ...ANALYTICS, days: 1, first_day: '2026-11-01', last_day: '2026-11-01' },
  ]);
});

test('several processes write the same disclosures of many customers at once', async () => {
  const customers = await Promise.all(Array.from({ length: 20 }, newCustomer));
  const rows = customers.flatMap((customer_id) => [
    { customer_id, day: '2026-11-24', ...ROUTING },
    { customer_id, day: '2026-11-24', ...ANALYTICS },
  ]);
  await Promise.all(
    Array.from({ length: 8 }, (_, n) => recordDisclosures(graph, n % 2 ? rows : rows.toReversed())),
  );
  for (const customer_id of customers)
    expect(await getDisclosures(graph, { customer_id })).toMatchObject([{ days: 1 }, { days: 1 }]);
});

test('of a customer who does not exist, or is being erased, nothing is written', async () => {
  const unknown = randomUUID();
  const erasing = await newCustomer();
  excludeFromVerification(graph, erasing);
  await runCypher(graph, "MATCH (c:Customer {id: $erasing}) SET c.status = 'erasing'", { erasing });
  const customers = [unknown, erasing];
  await recordDisclosures(
    graph,
    customers.map((customer_id) => ({ customer_id, day: '2026-11-24', ...ROUTING })),
  );
  const { records } = await runCypher(
    graph,
    'MATCH (d:Disclosure) WHERE d.customer_id IN $customers RETURN d',
    { customers },
  );
  expect(records).toEqual([]);
  await expect(getDisclosures(graph, { customer_id: unknown })).rejects.toMatchObject({
    type: 'customer_not_found',
  });
});
