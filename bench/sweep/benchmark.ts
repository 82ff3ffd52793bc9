/** The sweep of open obligations compared with bare paged Cypher. */

import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { recoveryWorkflowId, WorkflowName } from '../../domain/workflow-contracts.ts';
import type { Graph } from '../../graph/index.ts';
import { listRunningRecoveries } from '../../temporal/running-recoveries.ts';
import { resumeRecovery } from '../../temporal/workflow-client.ts';
import type { SweepResult } from '../../workflows/sweep-obligations.ts';
import { type FigureTable, type Findings, median } from '../result.ts';
import { toComparison, runCalls, sideBySide } from '../side-by-side.ts';
import type { BenchSystem } from '../system.ts';

const QUEUE = 'bench-sweep';
/** Number of open obligations; set a smaller one for a trial run. */
const OPEN = Number(process.env.BENCH_SWEEP_OPEN ?? 100_000);
const LOST = 50;
const PAGE = 1_000;
const IN_FLIGHT = 32;
const TURNS = 5;

const paymentId = (n: number) => `bench-${String(n).padStart(9, '0')}`;
const LOST_IDS = Array.from({ length: LOST }, (_, n) => paymentId(Math.floor(((n + 0.5) * OPEN) / LOST)));

// The data that the sweep reads is as written by commands; there are no events and no customers.
const ADD = `
  UNWIND $ids AS id
  CREATE (:Obligation {payment_id: id, state: 'open', amount: 1000, currency: 'USD', kind: 'recurring',
    opened_at: datetime(), closes_at: datetime() + duration({days: 14})})`;

const PAGED = `
  MATCH (o:Obligation) USING INDEX SEEK o:Obligation(state, payment_id)
  WHERE o.state = 'open' AND o.payment_id > $after
  WITH o ORDER BY o.state, o.payment_id LIMIT $limit
  RETURN o.payment_id AS payment_id`;

/** Milliseconds that the sweep's worker waited, by kind of call. */
export type TimeSpent = Record<'cypher' | 'lists' | 'starts', number>;

export const sweepBenchmark = {
  name: 'sweep',
  title: `The sweep of ${OPEN} open obligations, of which ${LOST} lost their run, against bare paged Cypher`,
  conditions:
    'A separate graph and Temporal. Each open obligation has an execution, which no worker serves; before each turn ' +
    `${LOST}, spread evenly, are terminated. Persona: the workflow, from its start to its result, on a dedicated worker; ` +
    `all ${LOST} must be running again after it. Bare: a loop through the same ids in pages of ${PAGE}, in the order of the ` +
    `same index, without calls to Temporal. Turns: ${TURNS}. Time spent: how long the worker waited for at least one call of that kind, median of the turns`,
  async run({ startServers, startWorker, log }: BenchSystem): Promise<Findings> {
    const servers = await startServers('sweep');
    const { graph, temporal, env } = servers;
    try {
      log(`adding ${OPEN} obligations and their executions…`);
      await addObligations(graph);
      await runCalls(OPEN, IN_FLIGHT, (n) => resumeRecovery(temporal, paymentId(n)));
      const worker = await startWorker('sweep/sweeper.ts', { ...env, SWEEP_QUEUE: QUEUE });
      const turns: Turn[] = [];
      const swept = await sideBySide(
        async () => {
          await terminateRuns(temporal);
          const before = spentSoFar(worker);
          const turn = await sweep(temporal);
          turns.push({ ...turn, spent: difference(before, spentSoFar(worker)) });
          return turn;
        },
        async () => readPages(graph),
        TURNS,
      );
      await worker.stop();
      // The first turn is not measured.
      const tables = [timeTable(turns.slice(1))];
      return {
        comparisons: [toComparison('open obligations checked', 'obligations/s', 'perSecond', swept)],
        tables,
      };
    } finally {
      await servers.stop();
    }
  },
};

async function addObligations(graph: Graph): Promise<void> {
  const session = graph.writeSession();
  try {
    for (let from = 0; from < OPEN; from += PAGE) {
      const ids = Array.from({ length: Math.min(PAGE, OPEN - from) }, (_, n) => paymentId(from + n));
      await session.run(ADD, { ids });
    }
  } finally {
    await session.close();
  }
}

/** Terminates the runs that the sweep must find, and waits until Temporal's list shows it. */
async function terminateRuns(temporal: Client): Promise<void> {
  await Promise.all(
    LOST_IDS.map((id) =>
      temporal.workflow.getHandle(recoveryWorkflowId(id)).terminate('terminated by the benchmark'),
    ),
  );
  while ((await runningOf(temporal)).size > 0);
}

async function sweep(temporal: Client): Promise<Omit<Turn, 'spent'>> {
  const began = performance.now();
  const result = (await temporal.workflow.execute(WorkflowName.sweepObligations, {
    workflowId: `bench-sweep:${randomUUID()}`,
    taskQueue: QUEUE,
  })) as SweepResult;
  const tookMs = performance.now() - began;
  if (result.looked_at !== OPEN || result.recoveries !== LOST)
    throw new Error(`the sweep has an unexpected result: ${JSON.stringify(result)}`);
  return { perSecond: (OPEN * 1_000) / tookMs, tookMs };
}

interface Turn {
  perSecond: number;
  tookMs: number;
  spent: TimeSpent;
}

/** The worker's last report. */
function spentSoFar({ output }: { output(): string }): TimeSpent {
  const lastReport = output()
    .match(/^{"spent":.*$/gm)
    ?.at(-1);
  return lastReport === undefined
    ? { cypher: 0, lists: 0, starts: 0 }
    : (JSON.parse(lastReport) as { spent: TimeSpent }).spent;
}

function difference(before: TimeSpent, after: TimeSpent): TimeSpent {
  const elapsed = { ...after };
  for (const key of Object.keys(elapsed) as (keyof TimeSpent)[]) elapsed[key] -= before[key];
  return elapsed;
}

function timeTable(turns: readonly Turn[]): FigureTable {
  const seconds = (select: (turn: Turn) => number) => median(turns.map(select)) / 1_000;
  const rows: [string, (turn: Turn) => number][] = [
    ['a sweep', ({ tookMs }) => tookMs],
    ['Temporal: listing running executions', ({ spent }) => spent.lists],
    ['Temporal: starting executions, including refused starts', ({ spent }) => spent.starts],
    ['Cypher', ({ spent }) => spent.cypher],
    [
      'Temporal tasks and everything else',
      ({ tookMs, spent }) => tookMs - spent.lists - spent.starts - spent.cypher,
    ],
  ];
  return {
    head: ['time spent', 'seconds'],
    rows: rows.map(([what, select]) => [what, seconds(select)]),
  };
}

async function readPages(graph: Graph): Promise<{ perSecond: number }> {
  const began = performance.now();
  let found = 0;
  for (let after: string | undefined = ''; after !== undefined; ) {
    const rows: { payment_id: string }[] = await graph.read(PAGED, { after, limit: PAGE });
    found += rows.length;
    after = rows.length === PAGE ? rows.at(-1)?.payment_id : undefined;
  }
  if (found !== OPEN) throw new Error(`found ${found} obligations instead of ${OPEN}`);
  return { perSecond: (OPEN * 1_000) / (performance.now() - began) };
}

async function runningOf(temporal: Client): Promise<ReadonlySet<string>> {
  const all = await Promise.all(LOST_IDS.map((id) => listRunningRecoveries(temporal, [id])));
  return new Set(all.flatMap((running) => [...running]));
}
