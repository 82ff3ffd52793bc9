import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { testGraph, testHeader } from '../../test/test-graph.ts';
import { adjustLtv, createCustomer, type LtvChange } from '../index.ts';

const graph = await testGraph();

const newCustomer = async (ltv_minor: number) =>
  (await createCustomer(graph, testHeader(), { ltv_minor })).customer_id;
const adjust = (
  customer_id: string,
  change: LtvChange,
  event_id: string = randomUUID(),
  occurredAt?: string,
) =>
  adjustLtv(graph, testHeader(occurredAt === undefined ? {} : { occurredAt }), {
    customer_id,
    event_id,
    reason: 'test',
    change,
  });
const ltvOf = async (id: string) =>
  (await graph.read<{ ltv: number }>('MATCH (c:Customer {id: $id}) RETURN c.ltv_minor AS ltv', { id }))[0]
    ?.ltv;

test('each addition counts once, in any order and however often its event is delivered', async () => {
  const customer_id = await newCustomer(100);
  const events = Array.from({ length: 12 }, (_, n) => ({ id: randomUUID(), add_minor: n }));
  const delivered = [...events, ...events].sort(() => Math.random() - 0.5);
  await Promise.all(delivered.map(({ id, add_minor }) => adjust(customer_id, { add_minor }, id)));
  expect(await ltvOf(customer_id)).toBe(100 + 66);
  const [first] = events;
  await expect(adjust(customer_id, { add_minor: 77 }, first?.id)).rejects.toMatchObject({
    type: 'idempotency_key_reused',
  });
});

test('the newest total is kept, and additions are added to it', async () => {
  const customer_id = await newCustomer(0);
  const at = (day: number) => `2026-01-0${day}T00:00:00Z`;
  await adjust(customer_id, { total_minor: 500 }, randomUUID(), at(3));
  expect(await adjust(customer_id, { total_minor: 900 }, randomUUID(), at(2))).toMatchObject({
    changed: false,
    ltv_minor: 500,
  });
  await adjust(customer_id, { add_minor: 20 }, randomUUID(), at(1));
  expect(await ltvOf(customer_id)).toBe(520);
  await adjust(customer_id, { total_minor: 0 }, randomUUID(), at(4));
  expect(await ltvOf(customer_id)).toBe(0);
});

test('negative and fractional amounts are refused, and so is a second customer with the same id', async () => {
  const customer_id = await newCustomer(5);
  for (const change of [{ add_minor: -1 }, { total_minor: -1 }, { add_minor: 0.5 }])
    await expect(adjust(customer_id, change)).rejects.toMatchObject({ type: 'invalid_argument' });
  await expect(createCustomer(graph, testHeader(), { customer_id })).rejects.toMatchObject({
    type: 'customer_exists',
  });
});
