/** How many reads the caches answer, and how outdated the answers are, while the same customers are written. */

import { readPolicy } from '../../platform/policy.ts';
import { addCustomers } from '../customers.ts';
import { type Comparison, type FigureTable, type Findings, median } from '../result.ts';
import { turnDuration } from '../server-load.ts';
import { sideBySide, toComparison } from '../side-by-side.ts';
import type { BenchSystem } from '../system.ts';
import { AcknowledgedVersions } from './acknowledged.ts';
import { type MixFigures, type Processes, runMix } from './mix.ts';

const CUSTOMERS = 20;
const IN_FLIGHT = 16;
const REPETITIONS = 5;
const TURN_MS = turnDuration(2_000);
/** Shares of writes. */
const MIXES = [0.1, 0.5];

type Turns = Record<'persona' | 'bare', MixFigures[]>;

export const stalenessBenchmark = {
  name: 'staleness',
  title: 'Cached contexts under a write-heavy mix: hit ratio and staleness',
  conditions:
    `${IN_FLIGHT} callers, each of which reads the context of one of ${CUSTOMERS} customers at one of two API processes (EVENTUAL), or changes ` +
    `the customer's segment through a third one; ${REPETITIONS} turns of ${TURN_MS / 1_000} s. "Persona": the three processes share a Redis. ` +
    '"Bare": three others without one, whose contexts only age, and customers of their own. Lag: for how long, before a request was sent, the first write that its ' +
    'answer lacks had been acknowledged. Age: from `as_of` to the request',
  async run(system: BenchSystem): Promise<Findings> {
    const { graph, log, startRedis } = system;
    log(`adding ${2 * CUSTOMERS} customers…`);
    const customers = await addCustomers(graph, 2 * CUSTOMERS);
    // Apart: the processes with Redis get no notice of what those without it write.
    const [first, second] = [customers.slice(0, CUSTOMERS), customers.slice(CUSTOMERS)];
    const withRedis = await startProcesses(system, { REDIS_URL: await startRedis() });
    const without = await startProcesses(system, { REDIS_URL: '' });
    const acknowledged = new AcknowledgedVersions();
    const measured: { writes: number; turns: Turns }[] = [];
    for (const writes of MIXES) {
      log(`staleness, ${percent(writes)} writes…`);
      const options = { acknowledged, inFlight: IN_FLIGHT, ms: TURN_MS, writes };
      const run = (processes: Processes, of: readonly string[]) => () =>
        runMix(processes, { ...options, customers: of });
      measured.push({
        writes,
        turns: await sideBySide(run(withRedis, first), run(without, second), REPETITIONS),
      });
    }
    await Promise.all(
      [withRedis, without].flatMap(({ readers, writer }) => [...readers, writer].map((api) => api.stop())),
    );
    const all = measured.flatMap(({ turns: { persona, bare } }) => [...persona, ...bare]);
    return {
      comparisons: measured.flatMap(({ writes, turns }) => comparisonsOf(writes, turns)),
      counts: [
        {
          what: 'longest lag of any answer (ms); the bound is `context.maxStalenessMs`',
          value: Math.ceil(Math.max(...all.map(({ lagMax }) => lagMax))),
          atMost: readPolicy().context.maxStalenessMs,
        },
      ],
      tables: [tableOf(measured)],
    };
  },
};

async function startProcesses({ startApi }: BenchSystem, env: Record<string, string>): Promise<Processes> {
  const [writer, ...readers] = await Promise.all([startApi(env), startApi(env), startApi(env)]);
  return { writer, readers };
}

const percent = (share: number) => `${Math.round(share * 100)} %`;

function comparisonsOf(writes: number, turns: Turns): Comparison[] {
  const of = (what: string, unit: string, figure: keyof MixFigures) =>
    toComparison(`${percent(writes)} writes, ${what}`, unit, figure, turns);
  return [
    of('reads', '1/s', 'readsPerSecond'),
    of('reads answered from the process’s cache', '%', 'hits'),
    of('p99 of the lag', 'ms', 'lagP99'),
  ];
}

function tableOf(measured: readonly { writes: number; turns: Turns }[]): FigureTable {
  return {
    head: [
      'median of the turns; lag and age: their maximum',
      ...['reads/s', 'writes/s', 'own cache (%)', 'Redis (%)', 'outdated answers (%)'],
      ...['lag, p99 (ms)', 'lag, longest (ms)', 'age, p99 (ms)', 'age, longest (ms)'],
    ],
    rows: measured.flatMap(({ writes, turns }) => [
      row(`${percent(writes)} writes, with Redis`, turns.persona),
      row(`${percent(writes)} writes, without`, turns.bare),
    ]),
  };
}

function row(what: string, turns: readonly MixFigures[]): [string, ...number[]] {
  const middle = (figure: keyof MixFigures) => median(turns.map((turn) => turn[figure]));
  const most = (figure: keyof MixFigures) => Math.max(...turns.map((turn) => turn[figure]));
  return [
    what,
    ...(['readsPerSecond', 'writesPerSecond', 'hits', 'shared', 'outdated'] as const).map(middle),
    ...(['lagP99', 'lagMax', 'ageP99', 'ageMax'] as const).map(most),
  ];
}
