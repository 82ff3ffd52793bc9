/** Results for people: on the terminal, and in the documentation. */

import Table from 'cli-table3';
import { type BenchmarkResult, type Comparison, isMet, median, ratios } from './result.ts';

/** `12 345`, `123`, `12.3`, `1.23`: three digits at least, none that mean nothing. */
function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  return value.toFixed(value >= 10 ? 1 : 2);
}

const ratio = (value: number) => value.toFixed(2);

function withSpread(values: readonly number[], write: (value: number) => string): string {
  return `${write(median(values))} (${write(Math.min(...values))}–${write(Math.max(...values))})`;
}

function goalOf(comparison: Comparison): string {
  const { goal } = comparison;
  if (goal === undefined) return '';
  const asked = 'atLeast' in goal ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
  return `${asked}: ${isMet(comparison) ? 'met' : '**missed**'}`;
}

const HEAD = ['', 'Persona', 'bare', 'ratio', 'goal'];

/** One line per figure: medians with the smallest and the largest value. */
function rows({ comparisons, counts = [] }: BenchmarkResult): string[][] {
  return [
    ...comparisons.map((comparison) => [
      `${comparison.what} (${comparison.unit})`,
      withSpread(comparison.persona, figure),
      withSpread(comparison.bare, figure),
      withSpread(ratios(comparison), ratio),
      goalOf(comparison),
    ]),
    ...counts.map(({ what, value, atMost }) => [
      what,
      String(value),
      '',
      '',
      `≤ ${atMost}: ${value <= atMost ? 'met' : '**missed**'}`,
    ]),
  ];
}

/** For the terminal. */
export function asTable(result: BenchmarkResult): string {
  const table = new Table({ head: HEAD, style: { head: [], border: [] } });
  for (const row of rows(result)) table.push(row.map((cell) => cell.replaceAll('**', '')));
  return `${result.title}\n${result.conditions}\n${table.toString()}`;
}

/** For a page of the documentation. */
export function asMarkdown(results: readonly BenchmarkResult[]): string {
  return results
    .map((result) => {
      const { cpu, cores, memory_gb, system, node, neo4j, temporal } = result.machine;
      const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
      return [
        `### ${result.title}\n`,
        `${result.conditions}.\n`,
        line(HEAD),
        line(HEAD.map((_, n) => (n === 0 || n === 4 ? '---' : '---:'))),
        ...rows(result).map(line),
        '',
        `Measured ${result.at.slice(0, 10)} on ${cores} cores (${cpu}), ${memory_gb} GB, ${system}; Node ${node.slice(1)}, ` +
          `Neo4j ${neo4j}, Temporal dev server ${temporal}.`,
      ].join('\n');
    })
    .join('\n\n');
}
