/** The reconciliation compared with a loop that only reads both sides. */

import { randomUUID } from 'node:crypto';
import { RECONCILIATION, TaskQueue, WorkflowName } from '../domain/workflow-contracts.ts';
import { countCustomers } from '../graph/reconciliation/index.ts';
import type { Graph } from '../graph/index.ts';
import type { ReconcileResult } from '../workflows/reconcile-payment-methods.ts';
import { addVerifiedCardholders } from './customers.ts';
import type { Findings } from './result.ts';
import { toComparison, runCalls, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

/** Set a smaller number for a trial run. */
const CUSTOMERS = Number(process.env.BENCH_RECONCILIATION_CUSTOMERS ?? 5_000);
const PAGE = 50;
const DEVICES = 1_000;
const IN_FLIGHT = 4;
const REPETITIONS = 5;
const DAY_S = 86_400;

// Like Persona's pages, which include the check of a node's version.
const VERSION = (node: string) => `
  EXISTS { MATCH (:PersonaEvent {stream_id: ${node}.id, seq: ${node}.version}) }
  AND NOT EXISTS { MATCH (:PersonaEvent {stream_id: ${node}.id, seq: ${node}.version + 1}) } AS is_version_right`;
const PAGE_OF_CUSTOMERS = `
  MATCH (c:Customer) WHERE c.id > $after AND c.status IN ['active', 'suspended']
  RETURN c.id AS id, c.gateway_customer_ref AS ref, ${VERSION('c')} ORDER BY c.id LIMIT toInteger($limit)`;
const PAGE_OF_DEVICES = `
  MATCH (d:Device) WHERE d.id > $after
  RETURN d.id AS id, ${VERSION('d')} ORDER BY d.id LIMIT toInteger($limit)`;
const WALLET = `
  MATCH (:Customer {id: $id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
  RETURN p.id AS id, p.type AS type, p.status AS status, p.brand AS brand, p.network AS network, p.last_four AS last_four,
    p.expiry_month AS expiry_month, p.expiry_year AS expiry_year, p.funding AS funding, p.country AS country,
    p.gateway_type AS gateway_type, p.instrument_fingerprint AS instrument_fingerprint, p.token_hash AS token_hash,
    p.removed_at AS removed_at, p.gateway_mismatch AS mismatch, h.is_default AS is_default, h.proven AS proven,
    h.disputed AS disputed, h.off_session_consent AS off_session_consent, h.last_used AS last_used`;

export const reconciliationBenchmark = {
  name: 'reconciliation',
  title: 'The reconciliation with the gateway against a bare loop',
  conditions:
    `Every wallet of a graph with ${CUSTOMERS} customers or more, one card each, in pages of ${PAGE}, ${IN_FLIGHT} customers at a time; the gateway's charges, refunds, disputes and warnings of a day, and the devices. ` +
    'Persona: the workflow, from its start to its result, a dry run that finds nothing. ' +
    'Bare: a loop that reads the same pages and wallets with the same columns by Cypher, and the same lists at the gateway over HTTP, and compares nothing',
  async run(system: BenchSystem): Promise<Findings> {
    const { graph, log } = system;
    log(`adding ${CUSTOMERS} customers…`);
    await addVerifiedCardholders(system, CUSTOMERS);
    const measured = await sideBySide(
      () => perSecond(graph, () => reconcile(system)),
      () => perSecond(graph, () => readBoth(system)),
      REPETITIONS,
    );
    return {
      comparisons: [
        {
          ...toComparison(`pages of ${PAGE} wallets`, 'pages/s', 'perSecond', measured),
          goal: { atLeast: 0.7 },
        },
      ],
    };
  },
};

async function perSecond(graph: Graph, work: () => Promise<void>): Promise<{ perSecond: number }> {
  const pages = Math.ceil((await countCustomers(graph)) / PAGE);
  const startedAt = performance.now();
  await work();
  return { perSecond: pages / ((performance.now() - startedAt) / 1_000) };
}

async function reconcile({ temporal }: BenchSystem): Promise<void> {
  const result = (await temporal.workflow.execute(WorkflowName.reconcilePaymentMethods, {
    workflowId: `${RECONCILIATION.id}:${randomUUID()}`,
    taskQueue: TaskQueue.maintenance,
    args: [{ all: true, dry_run: true }],
  })) as ReconcileResult;
  const { differences, failed } = result;
  if (differences.length > 0 || failed.length > 0)
    throw new Error(`the reconciliation has unexpected results: ${JSON.stringify({ failed, differences })}`);
}

type Row = { id: string; ref?: string | null };

async function readBoth({ graph, addresses }: BenchSystem): Promise<void> {
  const since = Math.floor(Date.now() / 1_000) - DAY_S;
  for (const list of ['charges', 'refunds', 'disputes', 'radar/early_fraud_warnings'])
    await readList(`${addresses.gateway}/v1/${list}?created[gte]=${since}&limit=100`);
  for await (const page of pagesOf(graph, PAGE_OF_CUSTOMERS, PAGE))
    await runCalls(page.length, IN_FLIGHT, async (n) => {
      const { id, ref } = page[n] as Row;
      await read(graph, WALLET, { id });
      if (ref) await readList(`${addresses.gateway}/v1/customers/${ref}/payment_methods?limit=100`);
    });
  for await (const page of pagesOf(graph, PAGE_OF_DEVICES, DEVICES)) void page;
}

async function* pagesOf(graph: Graph, cypher: string, limit: number): AsyncGenerator<Row[]> {
  for (let after = ''; ; ) {
    const page = (await read(graph, cypher, { after, limit })) as unknown as Row[];
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < limit) return;
    after = last.id;
  }
}

async function read(graph: Graph, cypher: string, parameters: Record<string, unknown>): Promise<object[]> {
  const session = graph.writeSession();
  try {
    const { records } = await session.run(cypher, parameters);
    return records.map((record) => record.toObject());
  } finally {
    await session.close();
  }
}

async function readList(url: string): Promise<void> {
  const headers = { authorization: 'Bearer sk_test_bench' };
  for (let after = ''; ; ) {
    const response = await fetch(`${url}${after}`, { headers });
    if (!response.ok) throw new Error(`${url} returned ${response.status}`);
    const { data, has_more } = (await response.json()) as { data: { id: string }[]; has_more: boolean };
    if (!has_more) return;
    after = `&starting_after=${data.at(-1)?.id}`;
  }
}
