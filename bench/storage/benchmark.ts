/** Disk space of one more customer, checkout, recovery, event or receipt in Neo4j's files. */

import { v7 as uuidv7 } from 'uuid';
import { type Graph, withRollback } from '../../graph/index.ts';
import type { FigureTable, Findings } from '../result.ts';
import { runCalls } from '../side-by-side.ts';
import type { BenchSystem, OwnGraph } from '../system.ts';
import { forceCheckpoint, NO_CHECKPOINT, SETTINGS } from './checkpoint.ts';
import { propertyRecordsIn, recordsOf, type DiskUsage, diskUsageOf } from './disk-usage.ts';
import { scenarios } from './scenarios.ts';
import { measureThroughput } from './throughput.ts';

/** Number of each; set a smaller one for a trial run. */
const COUNT = Number(process.env.BENCH_STORAGE_COUNT ?? 5_000);
const COPIES = 4 * COUNT;
const IN_FLIGHT = 8;
const WARM_UP_TRIES = 10;

/** Sizes of the files, and counts from the graph. */
interface Measured extends DiskUsage {
  node_count: number;
  edge_count: number;
  events: number;
  receipts: number;
}

const COUNTS = `
  RETURN COUNT { () } AS node_count, COUNT { ()-->() } AS edge_count, COUNT { (:PersonaEvent) } AS events,
    COUNT { (:CommandReceipt) } AS receipts`;

// Streams grow independently: an entry of (stream, number) may be anywhere in its index. Ids follow the clock.
const COPY_EVENTS = `
  MATCH (e:PersonaEvent) WHERE e.recorded_at >= datetime($since)
  WITH e, rand() AS place ORDER BY place LIMIT 1000
  WITH collect(e) AS sample
  UNWIND range(0, size($ids) - 1) AS n
  CALL (sample, n) {
    WITH sample[n % size(sample)] AS e
    CREATE (copy:PersonaEvent) SET copy = e{.*, id: $ids[n], stream_id: randomUUID()}
  } IN TRANSACTIONS OF 1000 ROWS`;

const COPY_RECEIPTS = `
  MATCH (r:CommandReceipt)
  WITH r, rand() AS place ORDER BY place LIMIT 1000
  WITH collect(r) AS sample
  UNWIND range(0, $count - 1) AS n
  CALL (sample, n) {
    WITH sample[n % size(sample)] AS r
    CREATE (copy:CommandReceipt) SET copy = r{.*, key: right(randomUUID(), 12) + substring(r.key, 12)}
  } IN TRANSACTIONS OF 1000 ROWS`;

export const storageBenchmark = {
  name: 'storage',
  title: 'Disk space of each addition in Neo4j’s files',
  conditions:
    `A separate Neo4j; ${COUNT} of each kind, one kind after the other, by the graph's own commands, and ${COPIES} copies of the events that they appended; finally as many copies of receipts. ` +
    'After each step the server writes a checkpoint and its files are summed up, without transaction logs, which are deleted again. ' +
    'For indexes the figure is an upper bound: Neo4j copies an index page when it is first changed after a checkpoint, which in a graph of this size affects nearly every page. The last row is measured in a separate graph that has written no checkpoint',
  async run({ startGraph, log }: Pick<BenchSystem, 'startGraph' | 'log'>): Promise<Findings> {
    const server = await startGraph('storage', SETTINGS);
    const { graph } = server;
    const empty = await measure(server);
    let before = empty;
    const measureStep = async (
      what: string,
      count: number,
      work: () => Promise<unknown>,
    ): Promise<Measured> => {
      log(`${what}: ${count}…`);
      await work();
      const after = await measure(server);
      const each = perUnit(before, after, count);
      before = after;
      return each;
    };
    try {
      const found: { what: string; each: Measured; event: Measured }[] = [];
      for (const { what, run } of scenarios()) {
        await warmUp(graph, (rolledBack) => run(rolledBack, 0));
        const since = new Date().toISOString();
        const each = await measureStep(what, COUNT, () => runCalls(COUNT, IN_FLIGHT, (n) => run(graph, n)));
        const ids = Array.from({ length: COPIES }, () => uuidv7());
        const event = await measureStep('copies of their events', COPIES, () =>
          write(graph, COPY_EVENTS, { since, ids }),
        );
        found.push({ what, each, event });
      }
      const receipt = await measureStep('copies of receipts', COPIES, () =>
        write(graph, COPY_RECEIPTS, { count: COPIES }),
      );
      const throughput = { head: ['', 'per second'], rows: await measureThroughput(graph) };
      const combined = perUnit(empty, await measureCombined(startGraph, log), COUNT);
      return { comparisons: [], tables: [tableOf(found, receipt, combined), throughput] };
    } finally {
      await graph.close();
    }
  },
};

/** All kinds in a graph that has never written a checkpoint, whose indexes therefore contain no copied pages. */
async function measureCombined(
  startGraph: BenchSystem['startGraph'],
  log: BenchSystem['log'],
): Promise<Measured> {
  const { graph, folder, stop } = await startGraph('storage-whole', NO_CHECKPOINT);
  log(`all of these: ${COUNT}…`);
  for (const { run } of scenarios()) {
    await warmUp(graph, (rolledBack) => run(rolledBack, 0));
    await runCalls(COUNT, IN_FLIGHT, (n) => run(graph, n));
  }
  const counted = await countsOf(graph);
  await stop();
  return { ...counted, ...diskUsageOf(folder) };
}

/** The first query plans of a new server may exceed a command's time limit; it caches those that it has completed. */
async function warmUp(graph: Graph, work: (rolledBack: Graph) => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await withRollback(graph, async (rolledBack) => void (await work(rolledBack)));
    } catch (error) {
      if (tries === WARM_UP_TRIES) throw error;
    }
  }
}

async function measure({ graph, folder }: OwnGraph): Promise<Measured> {
  await forceCheckpoint(graph, folder);
  return { ...(await countsOf(graph)), ...diskUsageOf(folder) };
}

async function countsOf(graph: Graph): Promise<Omit<Measured, keyof DiskUsage>> {
  const [counted] = await graph.read<Omit<Measured, keyof DiskUsage>>(COUNTS);
  if (counted === undefined) throw new Error('the graph returned no counts');
  return counted;
}

function perUnit(before: Measured, after: Measured, count: number): Measured {
  const each = { ...after };
  for (const key of Object.keys(each) as (keyof Measured)[]) each[key] = (after[key] - before[key]) / count;
  return each;
}

async function write(graph: Graph, cypher: string, parameters: Record<string, unknown>): Promise<void> {
  const session = graph.writeSession();
  try {
    await session.run(cypher, parameters);
  } finally {
    await session.close();
  }
}

const HEAD = [
  '',
  'records (bytes)',
  'of which texts',
  'indexes (bytes, upper bound)',
  'events',
  'receipts',
  'records without these (bytes)',
  'nodes',
  'edges',
  'property records',
  'transaction log (bytes)',
];

function tableOf(
  found: readonly { what: string; each: Measured; event: Measured }[],
  receipt: Measured,
  combined: Measured,
): FigureTable {
  const rowOf = (what: string, each: Measured, event: Measured): [string, ...number[]] => [
    what,
    recordsOf(each),
    each.texts,
    each.indexes,
    each.events,
    each.receipts,
    recordsOf(each) - each.events * recordsOf(event) - each.receipts * recordsOf(receipt),
    each.node_count,
    each.edge_count,
    propertyRecordsIn(each.properties),
    each.logs,
  ];
  return {
    head: HEAD,
    rows: [
      ...found.map(({ what, each, event }) => rowOf(what, each, event)),
      ...found.map(({ what, event }) => rowOf(`an event of ${what}`, event, event)),
      rowOf('a receipt', receipt, receipt),
      rowOf('the first five together, in a graph without copies', combined, combined),
    ],
  };
}
