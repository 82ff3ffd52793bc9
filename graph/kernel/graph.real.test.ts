/** Routing in a cluster. Even a single server refuses writes in a session that the driver has marked as read-only. */

import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { openTestGraph, testHeader } from '../../test/test-graph.ts';
import { createCustomer } from '../index.ts';

const PROBE = 'CREATE (p:RoutingProbe {id: $id}) WITH p DELETE p RETURN $id AS id';

test.each(['bolt', 'neo4j'])(
  'over %s:// a read is routed like a write, and one that may be stale to any member',
  async (scheme) => {
    const uri = (process.env.NEO4J_URI ?? '').replace(/^\w+:/, `${scheme}:`);
    const graph = await openTestGraph({ uri });
    onTestFinished(() => graph.close());
    const id = randomUUID();
    expect(await graph.read(PROBE, { id })).toEqual([{ id }]);
    const readOnlyError = await graph.readFromAnyMember(PROBE, { id }).catch((error: Error) => error.cause);
    expect(String(readOnlyError)).toMatch(/read access mode/);
    expect(await graph.readFromAnyMember('RETURN $id AS id', { id })).toEqual([{ id }]);
  },
);

test('an error for a taken unique value names label and property, and not the value', async () => {
  const graph = await openTestGraph();
  onTestFinished(() => graph.close());
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const failure = await graph
    .read('CREATE (c:Customer {id: $customer_id}) RETURN c.id AS id', { customer_id })
    .catch((error: Error) => error);
  expect(String(Object(failure).cause)).toMatch(/already exists with label `Customer` and property `id`$/);
  expect(inspect(failure)).not.toContain(customer_id);
});
