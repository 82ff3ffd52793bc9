/** A customer with a long history is forgotten in transactions of the same size as any other, only in more of them. */

import type { Session } from 'neo4j-driver';
import { expect, test } from 'vitest';
import { customerWithLongHistory } from '../../test/long-history.ts';
import { testGraph } from '../../test/test-graph.ts';
import type { Graph } from '../kernel/graph.ts';
import { verifyStreams } from '../replay/verify.ts';
import { finishErasure, forgetCustomer, hideCustomer, requestErasure } from './index.ts';

const graph = await testGraph();
/** `npm run test:long` writes 100 000. */
const EVENTS = Number(process.env.PERSONA_ERASURE_EVENTS ?? 9_000);
/** Nodes, edges and properties: a thousand nodes, or two hundred payments with what is written in their place. */
const MAX_UPDATES = 8_000;

const LEFT = `
  MATCH (n) WHERE any(key IN keys(n) WHERE toStringOrNull(n[key]) CONTAINS $customer_id)
  RETURN labels(n)[0] AS label LIMIT 10`;
const PAID = `
  MATCH (c:Customer {status: 'erased'})-[:OWES]->(o:Obligation) WHERE o.payment_id STARTS WITH 'long-'
  RETURN c.id AS pseudonym, count(o) AS payments, sum(o.amount) AS amount`;

test('a customer with a long history is forgotten in bounded transactions, and nothing is left', async () => {
  const { customer_id } = await customerWithLongHistory(graph, EVENTS);
  const { erasure_id } = await requestErasure(graph, { customer_id });
  await hideCustomer(graph, { erasure_id, customer_id, by: { actor: 'test', correlationId: 'test' } });
  const { counting, updates } = countUpdates(graph);
  let progress = 0;
  const onProgress = () => void (progress += 1);
  expect(await forgetCustomer(counting, { erasure_id, customer_id }, onProgress)).toEqual([]);
  await finishErasure(graph, erasure_id);

  expect(Math.max(...updates)).toBeLessThan(MAX_UPDATES);
  // After each of them it may be stopped: by a worker's shutdown, or as its heartbeats show.
  expect(progress).toBeGreaterThan((3 * EVENTS) / 1_000);
  expect(await graph.read(LEFT, { customer_id })).toEqual([]);
  const [paid = expect.fail()] = await graph.read<{ pseudonym: string }>(PAID);
  expect(paid).toMatchObject({ payments: EVENTS / 10, amount: 10 * EVENTS });
  expect(await verifyStreams(graph, [{ kind: 'customer', id: paid.pseudonym }])).toEqual([]);
});

/** The same graph, with what each transaction that ended has written. */
function countUpdates(of: Graph): { counting: Graph; updates: number[] } {
  const updates: number[] = [];
  const writeSession = (): Session => {
    const session = of.writeSession();
    const begin = session.beginTransaction.bind(session);
    session.beginTransaction = (limits) => {
      const transaction = begin(limits);
      const run = transaction.run.bind(transaction);
      const index = updates.push(0) - 1;
      transaction.run = ((cypher: string, parameters: object) => {
        const result = run(cypher, parameters);
        void result.then(({ summary }) => {
          const counts = Object.values(summary.counters.updates());
          updates[index] = (updates[index] ?? 0) + counts.reduce((sum, count) => sum + count, 0);
        });
        return result;
      }) as typeof transaction.run;
      return transaction;
    };
    return session;
  };
  return { counting: { ...of, writeSession }, updates };
}
