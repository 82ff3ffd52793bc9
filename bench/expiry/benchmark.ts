/** The scan of expiring cards compared with a minimal loop that reads and writes the same. */

import { randomUUID } from 'node:crypto';
import { startOfDay } from '../../domain/expiry/calendar.ts';
import { WorkflowName } from '../../domain/workflow-contracts.ts';
import type { Graph } from '../../graph/index.ts';
import type { ExpiryResult } from '../../workflows/monitor-expiring-cards.ts';
import { addVerifiedCardholders, type Cardholder } from '../customers.ts';
import { type Memory, memoryOf } from '../memory.ts';
import type { Comparison, Findings } from '../result.ts';
import { toComparison, REPETITIONS, sideBySide } from '../side-by-side.ts';
import type { BenchSystem } from '../system.ts';
import { addSyntheticCards } from '../synthetic-graph.ts';
import { scanBare } from './bare.ts';

const QUEUE = 'bench-expiry';
/** Numbers of cards; set smaller ones for a trial run. */
const SIZES = (process.env.BENCH_EXPIRY_CARDS ?? '10000,100000,1000000').split(',').map(Number);
/** One card in fifty is due. */
const DUE_ONE_IN = 50;
/** Above this size no cards are due: of a million 20 000 would be, and a turn would take minutes. */
const DUE_UP_TO = 100_000;
/** A turn of a million cards takes almost a minute on each side. */
const turnsOf = (cards: number) => (cards > 100_000 ? 3 : REPETITIONS);
/** On the day `NOW` all cards are valid for 30 more days. */
const END = '2030-12-31';
const NOW = startOfDay('2030-12-01');
const NOTICED = '2030-12:notice_30';
/** Large enough for the whole graph. */
const PAGE_CACHE = '4g';
const FLAT = { atMost: 1.3 };

export const expiryBenchmark = {
  name: 'expiry',
  title: 'The scan of expiring cards against bare paged Cypher',
  conditions:
    'A separate graph whose cards have all reached their last stage. Persona: the workflow, from its start to its result, on a dedicated worker; ' +
    'notices are decided but not sent. Bare: a loop through the same pages of 1000, in the order of the same index, with the same columns; ' +
    'for each due card it reads the card at the same gateway over HTTP and writes the same two properties, event and receipt by one statement in an auto-commit transaction, 8 concurrently. ' +
    `Turns: ${REPETITIONS}, with a million cards ${turnsOf(1e6)}. ` +
    'In the memory rows "Persona" is the peak resident memory of the worker after all turns of that size, and "bare" that of a worker that has scanned the smallest size',
  async run({ startGraph, startWorker, temporal, addresses, log }: BenchSystem): Promise<Findings> {
    const { graph, env } = await startGraph('expiry', { 'server.memory.pagecache.size': PAGE_CACHE });
    const due: Cardholder[] = [];
    let cards = 0;
    const scanned: { size: number; memory: Memory; comparisons: Comparison[] }[] = [];

    const scan = async (size: number, notified: number): Promise<{ perSecond: number }> => {
      const began = performance.now();
      const result = (await temporal.workflow.execute(WorkflowName.monitorExpiringCards, {
        workflowId: `bench-expiry:${randomUUID()}`,
        taskQueue: QUEUE,
      })) as ExpiryResult;
      requireCounts(result, { scanned: size, notified });
      return { perSecond: (size * 1_000) / (performance.now() - began) };
    };
    const bare = async (size: number, notified: number): Promise<{ perSecond: number }> => {
      const tokens = new Map(due.map(({ payment_method_id, token }) => [payment_method_id, token]));
      const began = performance.now();
      const result = await scanBare({
        ...{ graph, gateway: addresses.gateway, day: END, noticed: NOTICED, tokens },
      });
      requireCounts(result, { scanned: size, notified });
      return { perSecond: (size * 1_000) / (performance.now() - began) };
    };

    try {
      for (const size of SIZES) {
        const began = performance.now();
        log(`adding cards up to ${size}…`);
        const includesDue = size <= DUE_UP_TO;
        const ordinary = includesDue ? size - Math.floor(size / DUE_ONE_IN) : size - due.length;
        await addSyntheticCards(graph, { from: cards + 1, to: ordinary, noticed: NOTICED });
        cards = ordinary;
        due.push(...(await addVerifiedCardholders({ addresses, graph }, size - ordinary - due.length)));
        await setNoticed(graph, due, NOTICED);
        log(`added in ${Math.round((performance.now() - began) / 1_000)} s`);

        const worker = await startWorker('expiry/scanner.ts', {
          ...env,
          ...{ SCAN_QUEUE: QUEUE, SCAN_NOW: String(NOW) },
        });
        const noneDue = await sideBySide(
          () => scan(size, 0),
          () => bare(size, 0),
          turnsOf(size),
        );
        const comparisons = [row(`nothing due, ${size} cards`, noneDue, 0.5)];
        // NaN if the system is not Linux.
        const memory = memoryOf(worker.pid) ?? { now: Number.NaN, peak: Number.NaN };
        log(
          `measured ${size} cards with nothing due; peak memory of the worker: ${Math.round(memory.peak)} MB`,
        );
        if (includesDue) {
          const some = await sideBySide(
            async () => {
              await setNoticed(graph, due, null);
              return scan(size, due.length);
            },
            async () => {
              await setNoticed(graph, due, null);
              return bare(size, due.length);
            },
            turnsOf(size),
          );
          comparisons.push(row(`2 % due, ${size} cards`, some, 0.7));
          await setNoticed(graph, due, NOTICED);
        }
        await worker.stop();
        scanned.push({ size, memory, comparisons });
      }
    } finally {
      await graph.close();
    }
    const [smallest, ...larger] = scanned;
    return {
      comparisons: [
        ...scanned.flatMap(({ comparisons }) => comparisons),
        ...larger.map(({ size, memory }) => ({
          what: `memory, ${size} cards against ${smallest?.size}`,
          unit: 'MB',
          persona: [memory.peak],
          bare: [smallest?.memory.peak ?? Number.NaN],
          goal: FLAT,
        })),
      ],
    };
  },
};

function row(
  what: string,
  sides: Record<'persona' | 'bare', { perSecond: number }[]>,
  atLeast: number,
): Comparison {
  return { ...toComparison(what, 'cards/s', 'perSecond', sides), goal: { atLeast } };
}

type Counted = Pick<ExpiryResult, 'scanned' | 'notified'>;

function requireCounts({ scanned, notified }: Counted, expected: Counted): void {
  if (scanned !== expected.scanned || notified !== expected.notified)
    throw new Error(
      `scanned ${scanned} and notified ${notified} cards, expected ${JSON.stringify(expected)}`,
    );
}

/** @param noticed `null`: their notice is due again */
async function setNoticed(
  graph: Graph,
  cardholders: readonly Cardholder[],
  noticed: string | null,
): Promise<void> {
  const ids = cardholders.map(({ payment_method_id }) => payment_method_id);
  const some = `
    UNWIND $ids AS id MATCH (p:PaymentMethod {id: id}) SET p.expiry_noticed = $noticed, p.notice_due = null`;
  const session = graph.writeSession();
  try {
    await session.run(some, { ids, noticed });
  } finally {
    await session.close();
  }
}
