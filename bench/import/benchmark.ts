/** `persona import` of a hundred thousand customers, beside the least that writes the same. */

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
const BARE_QUEUE = 'nobody-works-here';
/** Memory does not grow with the file. */
const FLAT = { atMost: 1.3 };

interface Imported {
  /** Customers, from the program's start to its end. */
  perSecond: number;
  peak: number;
}

export const importBenchmark = {
  name: 'import',
  title: '`persona import` against the least Cypher',
  conditions:
    'Lines as a shop has them: an e-mail address each, most with device, address and card, some with a phone number; one of 20 ' +
    'is of somebody whom the file has brought before, one of 500 is refused. The program is run as users run it and takes ' +
    `${IMPORT_CONCURRENCY} lines at once, on a Neo4j and a Temporal of its own. No worker is there: each card's process is begun, and waits. ` +
    'Bare: one statement for each customer that creates the same nodes and edges with the same properties, in an auto-commit ' +
    `transaction, and the start of a workflow for each card, ${IMPORT_CONCURRENCY} customers at once. Turns of ${TURN} lines. ` +
    `In the last two rows what stands under "Persona" is a file of ${LARGE} lines, under "bare" one of ${SMALL}. ` +
    'That every line was taken once, or reported once, is counted after each file',
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
      // Each file the next stretch of the list.
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
          toComparison(`${LARGE} lines beside ${SMALL}`, 'customers/s', 'perSecond', sizes),
          ...peaks(sizes),
        ],
      };
    } finally {
      await stop();
    }
  },
};

/** Writes the n-th copy of what the first import has left, and starts a workflow if it has a card. */
async function bareWriter({ graph, temporal }: Servers): Promise<(n: number) => Promise<void>> {
  const samples = await readSample(graph, SAMPLE);
  return async (n) => {
    const sample = samples[n % samples.length];
    if (sample === undefined) throw new Error('the first import has left nothing');
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

/** What a process of an imported card begins with. */
const sampleLine = lineOf(0, { first: 0, lines: 1 });

/** Nothing where the system is not Linux. */
function peaks(sizes: Record<'persona' | 'bare', Imported[]>): Comparison[] {
  const comparison = {
    ...toComparison(`peak memory, ${LARGE} lines beside ${SMALL}`, 'MB', 'peak', sizes),
    goal: FLAT,
  };
  return comparison.persona.some(Number.isNaN) ? [] : [comparison];
}
