import { cpuTime } from './cpu-time.ts';
import type { FigureTable } from './result.ts';

const SIDES = ['persona', 'bare'] as const;
type Side = (typeof SIDES)[number];

/** Collects the processor time that each process spends on the calls of either side. */
export interface ProcessorMeter {
  /** @param calls that `run` makes */
  measure<T>(side: Side, calls: number, run: () => Promise<T>): Promise<T>;
  /** Milliseconds per call, by process, and their sums. */
  table(head: string): FigureTable;
}

/** @param pids by the name of the process */
export function createProcessorMeter(pids: Readonly<Record<string, number>>): ProcessorMeter {
  const names = Object.keys(pids);
  const spent = { persona: names.map(() => 0), bare: names.map(() => 0) };
  const calls = { persona: 0, bare: 0 };
  const read = () => Object.values(pids).map(cpuTime);
  return {
    async measure(side, count, run) {
      const before = read();
      const result = await run();
      const after = read();
      spent[side] = spent[side].map((ms, n) => ms + (after[n] ?? 0) - (before[n] ?? 0));
      calls[side] += count;
      return result;
    },
    table(head) {
      const perCall = (side: Side, ms: number) => ms / calls[side];
      const sum = (side: Side) =>
        perCall(
          side,
          spent[side].reduce((total, ms) => total + ms, 0),
        );
      return {
        head: [head, 'Persona', 'bare'],
        rows: [
          ...names.map((name, n): [string, ...number[]] => [
            name,
            ...SIDES.map((side) => perCall(side, spent[side][n] ?? 0)),
          ]),
          ['together', ...SIDES.map(sum)],
        ],
      };
    },
  };
}
