import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestGraph, testHeader, verifyAndClose } from '../../test/test-graph.ts';
import {
  annotateEvent,
  createCustomer,
  type Graph,
  getEventDetails,
  getTimeline,
  setCustomerStatus,
} from '../index.ts';

let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

test('a note is shown wherever its event is, also of a suspended customer, and once per key', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  const header = testHeader();
  const first = { customer_id, seq: 1, text: 'I was invited by a friend.' };
  const { noted_at } = await annotateEvent(graph, header, first);
  await annotateEvent(graph, header, first);
  await annotateEvent(graph, testHeader(), { customer_id, seq: 1, text: 'Twice.' });
  const notes = [
    { text: first.text, noted_at },
    { text: 'Twice.', noted_at: expect.any(String) },
  ];
  const all = await getEventDetails(graph, { customer_id, after: 0, limit: 10 });
  expect(all.map((event) => event.notes)).toEqual([notes, [], [], []]);
  expect(all[2]).toMatchObject({ type: 'EventAnnotated', data: { seq: 1, text: first.text } });
  const timeline = await getTimeline(graph, { customer_id, limit: 10 });
  expect(timeline.map((entry) => entry.notes)).toEqual([undefined, undefined, undefined, notes]);
  const stored = await graph.read<{ all: string }>(
    'MATCH (n:Note {customer_id: $customer_id}) RETURN n.text AS all',
    { customer_id },
  );
  expect(stored.map(({ all }) => all.slice(0, 3))).toEqual(['s1:', 's1:']);
});

test('only an event of the own stream can be annotated', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const note = { customer_id, seq: 2, text: 'x' };
  await expect(annotateEvent(graph, testHeader(), note)).rejects.toMatchObject({ type: 'event_not_found' });
});
