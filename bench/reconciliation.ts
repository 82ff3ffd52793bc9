/** Wallets compared with the gateway, beside a loop that only reads both sides. */

import { randomUUID } from 'node:crypto';
import { RECONCILIATION, TaskQueue, WorkflowName } from '../domain/processes.ts';
import { countCustomers } from '../graph/reconciliation/index.ts';
import type { Graph } from '../graph/index.ts';
import { addCardholders } from './customers.ts';
import type { Findings } from './result.ts';
import { compared, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const CUSTOMERS = 1_000;
const PAGE = 50;
const IN_FLIGHT = 4;
const REPETITIONS = 5;

const PAGE_OF_CUSTOMERS = `
  MATCH (c:Customer) WHERE c.id > $after
  RETURN c.id AS id, c.gateway_customer_ref AS ref ORDER BY c.id LIMIT $limit`;
const WALLET = `
  MATCH (:Customer {id: $id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
  RETURN p.id AS id, p.token_hash AS token_hash, p.status AS status, p.last_four AS last_four, h.is_default AS is_default`;

export const reconciliationBenchmark = {
  name: 'reconciliation',
  title: 'Wallets compared with the gateway',
  conditions:
    `Every wallet of a graph with ${CUSTOMERS} customers or more, one card each, pages of ${PAGE}, ${IN_FLIGHT} customers at a time; Persona: the process through Temporal, a dry run, with the gateway's charges, refunds and disputes besides; ` +
    'bare: a loop that reads each page and each wallet by Cypher, lists its methods at the gateway over HTTP, and compares nothing',
  async run(system: BenchSystem): Promise<Findings> {
    await addCardholders(system, CUSTOMERS);
    const measured = await sideBySide(
      () => perSecond(system.graph, () => reconcile(system)),
      () => perSecond(system.graph, () => readBoth(system)),
      REPETITIONS,
    );
    return {
      comparisons: [
        { ...compared('wallets per second', '1/s', 'perSecond', measured), goal: { atLeast: 0.7 } },
      ],
    };
  },
};

async function perSecond(graph: Graph, act: () => Promise<void>): Promise<{ perSecond: number }> {
  const customers = await countCustomers(graph);
  const startedAt = performance.now();
  await act();
  return { perSecond: customers / ((performance.now() - startedAt) / 1_000) };
}

async function reconcile({ temporal }: BenchSystem): Promise<void> {
  await temporal.workflow.execute(WorkflowName.reconcilePaymentMethods, {
    workflowId: `${RECONCILIATION.id}:${randomUUID()}`,
    taskQueue: TaskQueue.maintenance,
    args: [{ all: true, dry_run: true }],
  });
}

async function readBoth({ graph, addresses }: BenchSystem): Promise<void> {
  const headers = { authorization: 'Bearer sk_test_bench' };
  const compare = async ({ id, ref }: { id: string; ref: string | null }) => {
    await graph.read(WALLET, { id });
    if (ref === null) return;
    const path = `/v1/customers/${ref}/payment_methods?limit=100`;
    await (await fetch(`${addresses.gateway}${path}`, { headers })).json();
  };
  for (let after = ''; ; ) {
    const page = await graph.read<{ id: string; ref: string | null }>(PAGE_OF_CUSTOMERS, {
      after,
      limit: PAGE,
    });
    const rest = page.values();
    const worker = async () => {
      for (const customer of rest) await compare(customer);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
    const last = page.at(-1);
    if (page.length < PAGE || last === undefined) return;
    after = last.id;
  }
}
