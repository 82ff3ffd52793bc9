/** Measures warm, in alternating turns, and often enough to show the machine's variance. */

import { type Comparison, quantile } from './result.ts';

/** Number of measured turns of each side. */
export const REPETITIONS = 7;

/**
 * Measures both sides in turns, after one turn each that is not measured. The order alternates with every turn, so that
 * after-effects of one side do not always hit the other.
 */
export async function sideBySide<T>(
  persona: (turn: number) => Promise<T>,
  bare: (turn: number) => Promise<T>,
  repetitions = REPETITIONS,
): Promise<{ persona: T[]; bare: T[] }> {
  await persona(0);
  await bare(0);
  const measured: { persona: T[]; bare: T[] } = { persona: [], bare: [] };
  for (let turn = 1; turn <= repetitions; turn += 1) {
    if (turn % 2 === 1) measured.persona.push(await persona(turn));
    measured.bare.push(await bare(turn));
    if (turn % 2 === 0) measured.persona.push(await persona(turn));
  }
  return measured;
}

/** Compares one figure of both sides. */
export function toComparison<Figure extends string>(
  what: string,
  unit: string,
  figure: Figure,
  { persona, bare }: Record<'persona' | 'bare', readonly Record<Figure, number>[]>,
): Comparison {
  const valuesOf = (turns: readonly Record<Figure, number>[]) => turns.map((turn) => turn[figure]);
  return { what, unit, persona: valuesOf(persona), bare: valuesOf(bare) };
}

export interface Load {
  calls: number;
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

/** What a call returns that the server refused: it counts as none. */
export const REFUSED = Symbol('refused');

/** Keeps `inFlight` calls in flight for `ms` milliseconds. @param call receives the number of the call */
export function runCallsFor(
  ms: number,
  inFlight: number,
  call: (n: number) => Promise<unknown>,
): Promise<Load> {
  const end = performance.now() + ms;
  return runConcurrently(inFlight, () => performance.now() < end, call);
}

/** Makes `calls` calls, `inFlight` at a time. @param call receives the number of the call */
export function runCalls(
  calls: number,
  inFlight: number,
  call: (n: number) => Promise<unknown>,
): Promise<Load> {
  return runConcurrently(inFlight, (n) => n < calls, call);
}

async function runConcurrently(
  inFlight: number,
  shouldContinue: (n: number) => boolean,
  call: (n: number) => Promise<unknown>,
): Promise<Load> {
  const durations: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  const runWorker = async () => {
    while (shouldContinue(next)) {
      const n = next;
      next += 1;
      const calledAt = performance.now();
      if ((await call(n)) === REFUSED) continue;
      durations.push(performance.now() - calledAt);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, runWorker));
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    calls: durations.length,
    perSecond: durations.length / seconds,
    p50: quantile(durations, 0.5),
    p99: quantile(durations, 0.99),
  };
}
