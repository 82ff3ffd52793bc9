/** A turn of calls to one server, with the processor time that its process and the caller's needed. */

import { setTimeout } from 'node:timers/promises';
import { cpuTime } from './cpu-time.ts';
import { GrpcRefusal } from './grpc-caller.ts';
import type { Comparison, RatioGrid } from './result.ts';
import { type Load, REFUSED, runCallsFor, toComparison } from './side-by-side.ts';

export interface ServerLoad extends Load {
  /** The server's CPU time per call, in microseconds. */
  processor: number;
  /** The caller's CPU time as a share of the turn, in percent: near 100 the caller limits the server. */
  callerBusy: number;
  /** Calls that the server refused because it was too busy. */
  refused: number;
}

/** The duration of a turn: `BENCH_TURN_MS`, or the given one. */
export function turnDuration(ms: number): number {
  return Number(process.env.BENCH_TURN_MS || ms);
}

/** UNAVAILABLE and RESOURCE_EXHAUSTED. */
const BUSY = ['14', '8'];
/** As the refusal requests. */
const RETRY_MS = 1_000;

/** Keeps `inFlight` calls in flight; a caller that is refused because the server is busy waits as the refusal requests. */
export async function loadServer(
  { ms, inFlight, pid }: { ms: number; inFlight: number; pid: number },
  call: (n: number) => Promise<unknown>,
): Promise<ServerLoad> {
  const before = { server: cpuTime(pid), caller: cpuTime(process.pid), at: performance.now() };
  const end = before.at + ms;
  let refused = 0;
  const load = await runCallsFor(ms, inFlight, async (n) => {
    try {
      return await call(n);
    } catch (error) {
      if (!(error instanceof GrpcRefusal) || !BUSY.includes(error.status)) throw error;
      refused += 1;
      await setTimeout(Math.min(RETRY_MS, Math.max(0, end - performance.now())));
      return REFUSED;
    }
  });
  return {
    ...load,
    refused,
    processor: ((cpuTime(pid) - before.server) * 1_000) / load.calls,
    callerBusy: ((cpuTime(process.pid) - before.caller) * 100) / (performance.now() - before.at),
  };
}

export type ServerTurns = Record<'persona' | 'bare', ServerLoad[]>;

/** The goals for reads (docs/decisions/27-benchmarks.md). */
const GOALS = { throughput: { atLeast: 0.85 }, p99: { atMost: 1.25 } } as const;
const TITLES = { throughput: 'throughput', p99: 'p99', processor: 'CPU time' } as const;
const FIGURES = ['throughput', 'p99', 'processor'] as const;

function figuresOf(turns: ServerTurns): Record<(typeof FIGURES)[number], Comparison> {
  return {
    throughput: toComparison('throughput', 'calls/s', 'perSecond', turns),
    p99: toComparison('p99', 'ms', 'p99', turns),
    processor: toComparison('CPU time of the server process', 'µs/call', 'processor', turns),
  };
}

/** Throughput and p99, with their goals, and CPU time. @param what was called, for the rows' titles */
export function serverFigures(what: string, turns: ServerTurns, { goals = true } = {}): Comparison[] {
  const { throughput, p99, processor } = figuresOf(turns);
  const named = (figure: Comparison) => ({ ...figure, what: `${what}, ${figure.what}` });
  return [
    { ...named(throughput), ...(goals && { goal: GOALS.throughput }) },
    { ...named(p99), ...(goals && { goal: GOALS.p99 }) },
    named(processor),
  ];
}

/** The ratios of the three figures for each row. @param columns titles of the rows' cells */
export function serverGrid(
  columns: readonly string[],
  rows: readonly { what: string; cells: readonly { turns: ServerTurns }[] }[],
): RatioGrid {
  return {
    head: ['ratio of', ...columns],
    rows: rows.flatMap(({ what, cells }) =>
      FIGURES.map((figure) => ({
        what: `${what}: ${TITLES[figure]}`,
        cells: cells.map(({ turns }) => figuresOf(turns)[figure]),
      })),
    ),
  };
}
