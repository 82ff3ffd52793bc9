import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { verifyAndClose, openTestGraph } from '../../test/test-graph.ts';
import { type Graph, getTimeline } from '../index.ts';
import { createCustomerHistory, type CustomerHistory } from '../replay/history-fixtures.ts';

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

test('an unknown customer has no timeline', async () => {
  await expect(getTimeline(graph, { customer_id: randomUUID(), limit: 1 })).rejects.toMatchObject({
    type: 'customer_not_found',
  });
});
