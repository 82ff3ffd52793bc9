/** Reads of an identity graph of a million customers compared with the same reads of a small one. */

import { type Graph, findCustomersByUsage, getCustomerContext } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { type Count, type Findings, median } from './result.ts';
import { toComparison, type Load, runCalls, REPETITIONS, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';
import {
  addSyntheticCustomers,
  customerId,
  deviceId,
  linkCustomers,
  linkDevices,
} from './synthetic-graph.ts';

const SMALL = 10_000;
const SIZES = [100_000, 1_000_000];
const READS = 500;
const FLAT = { atMost: 1.3 };
const DEVICES = 10_000;
/** The number of devices that a context reads. */
const WINDOW = 200;
const SHARERS = 100_000;
/** The first customers are used for special cases; from this one on they are all alike. */
const SPECIAL = 100;
const MAX_QUERY_MS = 500;
/** A million customers take 2 GB in Neo4j's files. */
const PAGE_CACHE = '4g';
const SETTINGS = { 'server.memory.pagecache.size': PAGE_CACHE };
const TRUST = { initial: 0.5, threshold: 0.7, now: Date.now() };
/** The example query of the blueprint: an Amex, on a trusted iPhone, shipped to New York, in the last six months. */
const USAGE_QUERY = {
  brand: 'amex',
  trusted: TRUST,
  user_agent: 'iPhone',
  state: 'NY',
  country: 'US',
  since: '2026-05-01T00:00:00.000Z',
};

export const scaleBenchmark = {
  name: 'scale',
  title: 'Reads of a large graph against the same reads of a small one',
  conditions:
    `Two Neo4j servers, one of them with ${SMALL} customers, each with a page cache that holds its graph (${PAGE_CACHE}); p50 of ${READS} reads of random customers, one after the other. ` +
    'The graphs are built by bulk Cypher, the same each time: they have the data that queries read as written by commands, without events and keys. ' +
    '"Persona" is the large graph, or the customer with much data; "bare" is the small graph, or an ordinary customer with one device, ' +
    'or the customer named',
  async run({ startGraph, log }: BenchSystem): Promise<Findings> {
    const policy = readPolicy();
    const [{ graph: small }, { graph: large }] = await Promise.all([
      startGraph('small', SETTINGS),
      startGraph('large', SETTINGS),
    ]);
    const reads = (graph: Graph, customer: () => number) => (): Promise<Load> =>
      runCalls(READS, 1, () => getCustomerContext(graph, { customer_id: customerId(customer()), policy }));
    const randomBetween = (from: number, to: number) => () =>
      from + Math.floor(Math.random() * (to - from + 1));
    try {
      await build(small, 1, SMALL, log);
      const comparisons = [];
      for (const [step, size] of SIZES.entries()) {
        await build(large, (SIZES[step - 1] ?? 0) + 1, size, log);
        const measured = await sideBySide(
          reads(large, randomBetween(SPECIAL, size)),
          reads(small, randomBetween(SPECIAL, SMALL)),
        );
        comparisons.push({
          ...toComparison(`context at ${size} customers, p50`, 'ms', 'p50', measured),
          goal: FLAT,
        });
      }
      const ordinary = reads(large, randomBetween(SPECIAL + SHARERS + 1, SIZES.at(-1) ?? 0));
      await linkDevices(large, customerId(1), SPECIAL, SPECIAL + DEVICES);
      await linkDevices(large, customerId(3), SPECIAL, SPECIAL + WINDOW);
      await linkCustomers(large, deviceId(2), SPECIAL, SPECIAL + SHARERS);
      const many = await sideBySide(
        reads(large, () => 1),
        ordinary,
      );
      const manyAndSome = await sideBySide(
        reads(large, () => 1),
        reads(large, () => 3),
      );
      const shared = await sideBySide(reads(large, randomBetween(SPECIAL, SPECIAL + SHARERS)), ordinary);
      comparisons.push(
        {
          ...toComparison(`context of a customer with ${DEVICES} devices, p50`, 'ms', 'p50', many),
          goal: FLAT,
        },
        {
          ...toComparison(
            `context of a customer with ${DEVICES} devices against one with ${WINDOW}, p50`,
            'ms',
            'p50',
            manyAndSome,
          ),
          goal: FLAT,
        },
        {
          ...toComparison(
            `context of a customer on a device shared by ${SHARERS} customers, p50`,
            'ms',
            'p50',
            shared,
          ),
          goal: FLAT,
        },
      );
      const counts = [
        await measureUsageQuery('findCustomersByUsage, first 50 (ms)', large, USAGE_QUERY),
        await measureUsageQuery('findCustomersByUsage, no match (ms)', large, {
          ...USAGE_QUERY,
          trusted: { ...TRUST, threshold: 0.95 },
        }),
      ];
      return { comparisons, counts };
    } finally {
      await Promise.all([small.close(), large.close()]);
    }
  },
};

async function build(graph: Graph, from: number, to: number, log: (line: string) => void): Promise<void> {
  const startedAt = Date.now();
  log(`adding customers ${from} to ${to}…`);
  await addSyntheticCustomers(graph, from, to);
  log(`added in ${Math.round((Date.now() - startedAt) / 1_000)} s`);
}

/** Duration of the query, run one after the other. */
async function measureUsageQuery(
  what: string,
  graph: Graph,
  usage: Parameters<typeof findCustomersByUsage>[1]['usage'],
): Promise<Count> {
  const query = () => findCustomersByUsage(graph, { usage, limit: 50 });
  await query();
  const turns: number[] = [];
  for (let turn = 0; turn < REPETITIONS; turn += 1) turns.push((await runCalls(1, 1, query)).p50);
  return { what, value: Math.round(median(turns)), atMost: MAX_QUERY_MS };
}
