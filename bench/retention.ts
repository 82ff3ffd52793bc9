/** A daily run of retention over a large graph with nothing due compared with bare pages of the same nodes, and what removing takes. */

import { randomUUID } from 'node:crypto';
import { beginRetention } from '../domain/retention.ts';
import { type Graph, onboard } from '../graph/index.ts';
import { toParameters } from '../graph/kernel/values.ts';
import { runRetention } from '../graph/retention/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { headerOf, newCustomerRequest } from './customers.ts';
import type { Findings } from './result.ts';
import { runCalls, sideBySide, toComparison } from './side-by-side.ts';
import { addSyntheticCustomers } from './synthetic-graph.ts';
import type { BenchSystem } from './system.ts';

const SIZES = (process.env.BENCH_RETENTION_CUSTOMERS ?? '100000,1000000').split(',').map(Number);
const REPETITIONS = 5;
/** As many as a page of retention. */
const PAGE = 500;
const DEVICES = 2_000;
const IN_FLIGHT = 4;
const DISCLOSURES = 100_000;
const YEAR_MS = 365 * 86_400_000;
/** A million customers take 2 GB in Neo4j's files. */
const SETTINGS = { 'server.memory.pagecache.size': '4g' };
/** The latest day of the synthetic graph: nothing in it is due. */
const NOW = Date.parse('2026-11-01T00:00:00Z');

const PAGES = ['Device', 'Customer'].map(
  (label) => `
    MATCH (n:${label}) WHERE n.id > $after
    WITH n ORDER BY n.id LIMIT $limit
    RETURN count(n) AS read, max(n.id) AS last`,
);
const ADD_DISCLOSURES = `
  UNWIND range(1, $count) AS n
  CALL (n) {
    CREATE (:Disclosure {
      customer_id: randomUUID(), day: '2001-01-01', recipient: 'oracle', purpose: 'analytics', categories: ['history']
    })
  } IN TRANSACTIONS OF 5000 ROWS`;

export const retentionBenchmark = {
  name: 'retention',
  title: 'The daily run of retention',
  conditions:
    'A Neo4j server whose page cache holds the graph, built by bulk Cypher: one device and one card per customer. "Persona" is a whole run with nothing due, in milliseconds; "bare" reads the same customers and devices ' +
    `in pages of ${PAGE} by the same index and decides nothing. What removing takes was measured once, on the larger graph: ${DEVICES} devices, each seen once and onboarded by the graph's own command, and ${DISCLOSURES} disclosures`,
  async run({ startGraph, log }: BenchSystem): Promise<Findings> {
    const { graph } = await startGraph('retention', SETTINGS);
    try {
      const comparisons = [];
      for (const [step, size] of SIZES.entries()) {
        const from = (SIZES[step - 1] ?? 0) + 1;
        log(`adding customers ${from} to ${size}…`);
        await addSyntheticCustomers(graph, from, size);
        const measured = await sideBySide(
          () => runCalls(1, 1, () => retain(graph, NOW)),
          () => runCalls(1, 1, () => readPages(graph)),
          REPETITIONS,
        );
        comparisons.push(toComparison(`${size} customers, nothing due`, 'ms', 'p50', measured));
      }
      return { comparisons, tables: [await measureRemoval(graph, log)] };
    } finally {
      await graph.close();
    }
  },
};

function retain(graph: Graph, at: number) {
  const options = { policy: readPolicy(), dryRun: false, onProgress: () => true };
  return runRetention(graph, beginRetention(at), options);
}

async function readPages(graph: Graph): Promise<void> {
  for (const cypher of PAGES)
    for (let after: string | null = ''; after !== null; ) {
      const [row]: { read: number; last: string }[] = await graph.read(cypher, { after, limit: PAGE });
      after = row?.read === PAGE ? row.last : null;
    }
}

async function measureRemoval(graph: Graph, log: (line: string) => void) {
  log(`adding ${DEVICES} devices and ${DISCLOSURES} disclosures to remove…`);
  // Onboarded a year before the synthetic graph's first day, and so due before anything in it.
  const occurred_at = new Date(NOW - 3 * YEAR_MS).toISOString();
  await runCalls(DEVICES, IN_FLIGHT, () => {
    const request = { ...newCustomerRequest(), transaction_id: randomUUID(), occurred_at };
    return onboard(graph, headerOf(request), { request, policy: readPolicy() });
  });
  const nothing = await timed(() => retain(graph, NOW - 2.9 * YEAR_MS));
  const devices = await timed(() => retain(graph, NOW));
  const session = graph.writeSession();
  await session.run(ADD_DISCLOSURES, toParameters({ count: DISCLOSURES }) as object);
  await session.close();
  const disclosures = await timed(() => retain(graph, NOW));
  const row = (what: string, removed: number, ms: number): [string, ...number[]] => [
    what,
    removed,
    Math.round(ms - nothing.ms),
    Math.round(removed / ((ms - nothing.ms) / 1_000)),
  ];
  return {
    head: ['removed', 'number', 'ms beyond a run with nothing due', 'per second'],
    rows: [
      row('sightings of devices, each with its event', devices.result.counts.sightings, devices.ms),
      row('disclosures', disclosures.result.counts.disclosures, disclosures.ms),
    ],
  };
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const startedAt = performance.now();
  const result = await work();
  return { result, ms: performance.now() - startedAt };
}
