import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { openTestGraph, verifyAndClose } from '../../test/test-graph.ts';
import { type Graph, getAddresses, getEventDetails, getTimeline } from '../index.ts';
import { type CustomerHistory, createCustomerHistory } from '../replay/history-fixtures.ts';

let graph: Graph;
let history: CustomerHistory;
beforeAll(async () => {
  graph = await openTestGraph();
  history = await createCustomerHistory(graph, readPolicy());
});
afterAll(() => verifyAndClose(graph));

test('every event of the stream is listed, newest first and by page', async () => {
  const { customer_id } = history;
  const all = await getTimeline(graph, { customer_id, limit: 1000 });
  expect(all.length).toBeGreaterThan(30);
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => all.length - index));
  const before = all[9]?.seq;
  expect(await getTimeline(graph, { customer_id, limit: 5, before })).toEqual(all.slice(10, 15));
  expect(all.at(-1)).toEqual({
    seq: 1,
    type: 'CustomerCreated',
    occurred_at: expect.any(String),
    text: 'Your account was created.',
    notes: [{ text: 'that was my sister', noted_at: expect.any(String) }],
  });
  // A method is named by its current details, also if the event is older than those.
  expect(all.map(({ text }) => text)).toContain('Visa ending in 4242 was added.');
});

test('no text reveals what customers must not see', async () => {
  for (const customer_id of [history.customer_id, history.stranger_id]) {
    const text = JSON.stringify(await getTimeline(graph, { customer_id, limit: 1000 }));
    expect(text).not.toMatch(/fraud|stolen|suspic|undefined|null|\[object|s1:|insufficient/i);
  }
});

const detailsOf = (customer_id: string) => getEventDetails(graph, { customer_id, after: 0, limit: 1000 });

test('every event is shown with its data, opened, and what decided', async () => {
  const { customer_id } = history;
  const all = await detailsOf(customer_id);
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
  expect(await getEventDetails(graph, { customer_id, after: 4, limit: 2 })).toEqual(all.slice(4, 6));
  const [address] = await getAddresses(graph, { customer_id });
  expect(all.find(({ type }) => type === 'AddressAdded')?.data).toMatchObject({
    ...{ address_id: address?.address_id, street1: '1 Main Street', street2: 'Flat 2', city: 'Berlin' },
    ...{ state: null, zip_code: '10115', country: 'DE', proven: true },
  });
  const shown = all.filter(({ type }) => type !== 'Masked');
  expect(shown.filter(({ why, data }) => !why || data === null)).toEqual([]);
  const masked = all.filter(({ type }) => type === 'Masked');
  const nothing = { source: null, actor: null, why: null, data: null };
  expect(masked).toEqual(masked.map(() => expect.objectContaining(nothing)));
  expect(masked.length).toBeGreaterThan(0);
});

test('no detail reveals what customers must not see', async () => {
  for (const customer_id of [history.customer_id, history.stranger_id]) {
    const details = JSON.stringify(await detailsOf(customer_id));
    expect(details).not.toMatch(
      /fraud|chimera|stolen|suspic|compromised|undefined|s1:|insufficient|tok_|pm_/i,
    );
    const other = customer_id === history.customer_id ? history.stranger_id : history.customer_id;
    expect(details).not.toContain(other);
    expect(details).not.toMatch(/2001:db8|Firefox/);
  }
});

test('an unknown customer has no timeline', async () => {
  await expect(getTimeline(graph, { customer_id: randomUUID(), limit: 1 })).rejects.toMatchObject({
    type: 'customer_not_found',
  });
});
