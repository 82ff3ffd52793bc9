/** A benchmark's findings: Persona against a bare baseline, repetition by repetition. */

import type { Machine } from './machine.ts';

/** One figure of both sides. The n-th values of each were measured one after the other. */
export interface Comparison {
  what: string;
  unit: string;
  persona: number[];
  bare: number[];
  /** The goal for the ratio of Persona to bare. */
  goal?: { atLeast: number } | { atMost: number };
}

/** A number that does not depend on the machine. */
export interface Count {
  what: string;
  value: number;
  atMost: number;
}

/** Figures without a comparison, as a separate table. */
export interface FigureTable {
  head: string[];
  /** Each starts with the name of what was measured. */
  rows: [string, ...number[]][];
}

/** Ratios alone, one for each column: the effect of one condition on several figures. */
export interface RatioGrid {
  /** The title of the first column, then those of the ratios. */
  head: string[];
  rows: { what: string; cells: Comparison[] }[];
}

export interface Findings {
  comparisons: Comparison[];
  grids?: RatioGrid[];
  counts?: Count[];
  tables?: FigureTable[];
}

export interface BenchmarkResult extends Findings {
  name: string;
  title: string;
  /** How it was measured, in a sentence. */
  conditions: string;
  machine: Machine;
  /** RFC 3339. */
  at: string;
}

/** The middle value; of an even number of them the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (at(sorted, Math.floor(middle)) + at(sorted, Math.ceil(middle) - 1)) / 2;
}

/** The smallest value that at least this share (0 to 1) of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return at(sorted, Math.max(0, Math.ceil(sorted.length * share) - 1));
}

/** The ratio of Persona to bare in each repetition, in which the machine's load affects both alike. */
export function ratios({ persona, bare }: Pick<Comparison, 'persona' | 'bare'>): number[] {
  return persona.map((value, n) => value / at(bare, n));
}

/** Whether the median ratio meets the goal; `undefined`: there is none. */
export function isMet(comparison: Comparison): boolean | undefined {
  const { goal } = comparison;
  if (goal === undefined) return undefined;
  const ratio = median(ratios(comparison));
  return 'atLeast' in goal ? ratio >= goal.atLeast : ratio <= goal.atMost;
}

function at(values: readonly number[], index: number): number {
  const value = values[index];
  if (value === undefined) throw new Error(`no value at index ${index} of ${values.length} values`);
  return value;
}
