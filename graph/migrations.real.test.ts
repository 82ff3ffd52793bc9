import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readPolicy } from '../platform/policy.ts';
import { runCypher, testGraph } from '../test/test-graph.ts';
import { statementsOf } from './migrate.ts';
import { createCustomerHistory } from './replay/history-fixtures.ts';
import { verifyCustomer } from './replay/verify.ts';

const graph = await testGraph();

/** Removes what a graph before the migration lacks, which the migration backfills from the log. */
const BACKFILLS = [
  {
    migration: '0020_chosen_defaults',
    undo: `
      MATCH (c:Customer {id: $customer_id})
      REMOVE c.default_set_at, c.default_chosen_at, c.default_chosen_by`,
  },
  {
    migration: '0021_refunds',
    undo: 'MATCH (n:Overpayment|Refund) WHERE n.customer_id = $customer_id DELETE n',
  },
  {
    migration: '0022_notices',
    undo: 'MATCH (n:Notice {customer_id: $customer_id}) DELETE n',
  },
];

test.each(BACKFILLS)('$migration backfills the graph from the log', async ({ migration, undo }) => {
  const { customer_id } = await createCustomerHistory(graph, readPolicy());
  await runCypher(graph, undo, { customer_id });
  expect(await verifyCustomer(graph, customer_id)).not.toEqual([]);
  const file = new URL(`migrations/${migration}.cypher`, import.meta.url);
  for (const statement of statementsOf(await readFile(file, 'utf8'))) await runCypher(graph, statement);
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});
