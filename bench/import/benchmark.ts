/** `persona import` of a hundred thousand customers compared with minimal Cypher that writes the same. */

import { join } from 'node:path';
import { IMPORT_CONCURRENCY } from '../../cli/import/import-file.ts';
import type { Comparison, Findings } from '../result.ts';
import { toComparison, runCalls, sideBySide } from '../side-by-side.ts';
import type { BenchSystem, Servers } from '../system.ts';
import { audit, countStored } from './audit.ts';
import { expectedOf, lineOf, type LineRange, writeCustomerFile } from './customer-file.ts';
import { readSample, writeCopy } from './bare-cypher.ts';
import { runImport } from './run-import.ts';

const SMALL = 10_000;
const LARGE = 100_000;
const TURN = 4_000;
const TURNS = 5;
const SAMPLE = 1_000;
const BARE_QUEUE = 'no-worker-here';
/** Memory must not grow with the file. */
const FLAT = { atMost: 1.3 };

interface Imported {
  /** Customers per second, from the program's start to its end. */
  perSecond: number;
  peak: number;
}

export const importBenchmark = {
  name: 'import',
  title: '`persona import` against minimal Cypher',
  conditions:
    'Lines as a shop has them: each with an e-mail address, most with device, address and card, some with a phone number; one in 20 ' +
    'is a customer from an earlier line of the file, one in 500 is refused. The program is run as operators run it and processes ' +
    `${IMPORT_CONCURRENCY} lines concurrently, on a separate Neo4j and Temporal. No worker runs: each card's process is started and waits. ` +
    'Bare: one statement for each customer that creates the same nodes and edges with the same properties, in an auto-commit ' +
    `transaction, and the start of a workflow for each card, ${IMPORT_CONCURRENCY} customers concurrently. Turns of ${TURN} lines. ` +
    `In the last two rows "Persona" is a file of ${LARGE} lines, "bare" one of ${SMALL}. ` +
    'After each file it is verified that every line was imported or reported exactly once',
  async run(system: BenchSystem): Promise<Findings> {
    const { log } = system;
    const { folder, stop, ...servers } = await system.startServers('import');
    const importRange = async (range: LineRange): Promise<Imported> => {
      const file = join(folder, `${range.first}.jsonl`);
      await writeCustomerFile(file, range);
      const expected = expectedOf(range);
      const before = await countStored(servers);
      const { summary, seconds, peak } = await runImport(file, { ...system, env: servers.env });
      const after = await countStored(servers, before.processes + expected.cards);
      audit(expected, { summary, before, after });
      log(`${range.lines} lines in ${Math.round(seconds)} s`);
      return { perSecond: expected.customers / seconds, peak };
    };
    try {
      // Each file is the next range of the list.
      let first = 0;
      const importNext = (lines: number) => {
        const range = { first, lines };
        first += lines;
        return importRange(range);
      };
      await importNext(TURN);
      const writeBare = await bareWriter(servers);
      const turns = await sideBySide<{ perSecond: number }>(
        () => importNext(TURN),
        () => runCalls(TURN, IMPORT_CONCURRENCY, writeBare),
        TURNS,
      );
      const small = await importNext(SMALL);
      const large = await importNext(LARGE);
      const sizes = { persona: [large], bare: [small] };
      return {
        comparisons: [
          toComparison('import', 'customers/s', 'perSecond', turns),
          toComparison(`${LARGE} lines against ${SMALL}`, 'customers/s', 'perSecond', sizes),
          ...peaks(sizes),
        ],
      };
    } finally {
      await stop();
    }
  },
};

/** Writes the n-th copy of a customer from the first import, and starts a workflow if it has a card. */
async function bareWriter({ graph, temporal }: Servers): Promise<(n: number) => Promise<void>> {
  const samples = await readSample(graph, SAMPLE);
  return async (n) => {
    const sample = samples[n % samples.length];
    if (sample === undefined) throw new Error('the first import has written no customers');
    await writeCopy(graph, sample);
    if (sample.devices.every(({ methods }) => methods.length === 0)) return;
    await temporal.workflow.start('bareOnboarding', {
      workflowId: `bare-import:${n}:${crypto.randomUUID()}`,
      taskQueue: BARE_QUEUE,
      args: [
        { caller: 'bench', actor: 'bench', correlation_id: `bench:${n}`, request: JSON.parse(sampleLine) },
      ],
    });
  };
}

/** The input of an imported card's process. */
const sampleLine = lineOf(0, { first: 0, lines: 1 });

/** Empty if the system is not Linux. */
function peaks(sizes: Record<'persona' | 'bare', Imported[]>): Comparison[] {
  const comparison = {
    ...toComparison(`peak memory, ${LARGE} lines against ${SMALL}`, 'MB', 'peak', sizes),
    goal: FLAT,
  };
  return comparison.persona.some(Number.isNaN) ? [] : [comparison];
}
