import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { AnalyticsFeedback } from '../../domain/inbound/analytics-feedback.ts';
import { testGraph, testHeader } from '../../test/test-graph.ts';
import { applyAnalyticsFeedback, createCustomer } from '../index.ts';

const graph = await testGraph();
const at = (day: number) => `2026-01-0${day}T00:00:00.000Z`;
const newCustomer = async () => (await createCustomer(graph, testHeader(), { ltv_minor: 100 })).customer_id;

const apply = (customer_id: string, day: number, valuation: Partial<AnalyticsFeedback>) => {
  const event_id = randomUUID();
  const feedback = { event_id, customer_id, occurred_at: at(day), ...valuation };
  const header = testHeader({ idempotencyKey: feedback.event_id, occurredAt: at(day) });
  return applyAnalyticsFeedback(graph, header, feedback);
};

async function stateOf(id: string) {
  const query = 'MATCH (c:Customer {id: $id}) RETURN c.ltv_minor AS ltv, c.segment AS segment';
  return (await graph.read<{ ltv: number; segment: string }>(query, { id }))[0];
}

test('of valuations the newest counts, in whichever order they arrive', async () => {
  const id = await newCustomer();
  await apply(id, 3, { ltv_minor: 500, segment: 'GOLD' });
  expect(await apply(id, 2, { ltv_minor: 900, segment: 'NEW' })).toMatchObject({ changed: false });
  expect(await stateOf(id)).toEqual({ ltv: 500, segment: 'GOLD' });
  await apply(id, 4, { ltv_minor: 0 });
  expect(await stateOf(id)).toEqual({ ltv: 0, segment: 'GOLD' });
});

test('a segment that was only confirmed is not replaced by an older valuation', async () => {
  const id = await newCustomer();
  await apply(id, 1, { segment: 'GOLD' });
  await apply(id, 3, { segment: 'GOLD' });
  await apply(id, 2, { segment: 'NEW' });
  expect(await stateOf(id)).toMatchObject({ segment: 'GOLD' });
});

test('a repeated valuation changes nothing, and another one under its id is refused', async () => {
  const id = await newCustomer();
  const event_id = randomUUID();
  const first = await apply(id, 1, { event_id, ltv_minor: 700 });
  await apply(id, 2, { ltv_minor: 800 });
  expect(await apply(id, 1, { event_id, ltv_minor: 700 })).toEqual(first);
  expect(await stateOf(id)).toMatchObject({ ltv: 800 });
  await expect(apply(id, 1, { event_id, ltv_minor: 701 })).rejects.toMatchObject({
    type: 'idempotency_key_reused',
  });
});
