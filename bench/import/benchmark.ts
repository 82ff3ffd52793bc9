/** `persona import` of a hundred thousand customers, beside the least that writes the same. */

import { join } from 'node:path';
import { AT_ONCE } from '../../cli/import/import-file.ts';
import type { Comparison, Findings } from '../result.ts';
import { compared, loadOf, sideBySide } from '../side-by-side.ts';
import type { BenchSystem, Servers } from '../system.ts';
import { audit, countLeft } from './audit.ts';
import { expectedOf, lineOf, type Stretch, writeCustomerFile } from './customer-file.ts';
import { readSample, writeCopy } from './least-cypher.ts';
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
    `${AT_ONCE} lines at once, on a Neo4j and a Temporal of its own. No worker is there: each card's process is begun, and waits. ` +
    'Bare: one statement for each customer that creates the same nodes and edges with the same properties, in an auto-commit ' +
    `transaction, and the start of a workflow for each card, ${AT_ONCE} customers at once. Turns of ${TURN} lines. ` +
    `In the last two rows what stands under "Persona" is a file of ${LARGE} lines, under "bare" one of ${SMALL}. ` +
    'That every line was taken once, or reported once, is counted after each file',
  async run(system: BenchSystem): Promise<Findings> {
    const { log } = system;
    const { folder, stop, ...servers } = await system.startServers('import');
    const importStretch = async (stretch: Stretch): Promise<Imported> => {
      const file = join(folder, `${stretch.first}.jsonl`);
      await writeCustomerFile(file, stretch);
      const expected = expectedOf(stretch);
      const before = await countLeft(servers);
      const { answer, seconds, peak } = await runImport(file, { ...system, env: servers.env });
      const after = await countLeft(servers, before.processes + expected.cards);
      audit(expected, { answer, before, after });
      log(`${stretch.lines} lines in ${Math.round(seconds)} s`);
      return { perSecond: expected.customers / seconds, peak };
    };
    try {
      // Each file the next stretch of the list.
      let first = 0;
      const importNext = (lines: number) => {
        const stretch = { first, lines };
        first += lines;
        return importStretch(stretch);
      };
      await importNext(TURN);
      const writeBare = await bareWriter(servers);
      const turns = await sideBySide<{ perSecond: number }>(
        () => importNext(TURN),
        () => loadOf(TURN, AT_ONCE, writeBare),
        TURNS,
      );
      const small = await importNext(SMALL);
      const large = await importNext(LARGE);
      const sizes = { persona: [large], bare: [small] };
      return {
        comparisons: [
          compared('import', 'customers/s', 'perSecond', turns),
          compared(`${LARGE} lines beside ${SMALL}`, 'customers/s', 'perSecond', sizes),
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
      args: [{ caller: 'bench', actor: 'bench', correlation_id: `bench:${n}`, request: JSON.parse(aLine) }],
    });
  };
}

/** What a process of an imported card begins with. */
const aLine = lineOf(0, { first: 0, lines: 1 });

/** Nothing where the system is not Linux. */
function peaks(sizes: Record<'persona' | 'bare', Imported[]>): Comparison[] {
  const comparison = {
    ...compared(`peak memory, ${LARGE} lines beside ${SMALL}`, 'MB', 'peak', sizes),
    goal: FLAT,
  };
  return comparison.persona.some(Number.isNaN) ? [] : [comparison];
}
