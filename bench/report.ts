/** Formats results for the terminal and the documentation. */

import Table from 'cli-table3';
import { type BenchmarkResult, type Comparison, isMet, median, ratios } from './result.ts';

/** `12 345`, `123`, `12.3`, `1.23`: at least three significant digits. */
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
  const target = 'atLeast' in goal ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
  return `${target}: ${isMet(comparison) ? 'met' : '**missed**'}`;
}

function ratioCell(comparison: Comparison): string {
  const missed = isMet(comparison) === false ? ' **missed**' : '';
  return `${withSpread(ratios(comparison), ratio)}${missed}`;
}

/** A text column, like the first one of each table. */
const GOAL = 'goal';
const HEAD = ['', 'Persona', 'bare', 'ratio', GOAL];

interface TextTable {
  head: string[];
  rows: string[][];
}

/** One row per figure: the median with the smallest and the largest value. */
function tablesOf({ comparisons, grids = [], counts = [], tables = [] }: BenchmarkResult): TextTable[] {
  const rows = [
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
  return [
    ...(rows.length > 0 ? [{ head: HEAD, rows }] : []),
    ...grids.map((grid) => ({
      head: grid.head,
      rows: grid.rows.map(({ what, cells }) => [what, ...cells.map(ratioCell)]),
    })),
    ...tables.map((table) => ({
      head: table.head,
      rows: table.rows.map(([what, ...values]) => [what, ...values.map(figure)]),
    })),
  ];
}

/** For the terminal. */
export function asTable(result: BenchmarkResult): string {
  const tables = tablesOf(result).map(({ head, rows }) => {
    const table = new Table({ head, style: { head: [], border: [] } });
    for (const row of rows) table.push(row.map((cell) => cell.replaceAll('**', '')));
    return table.toString();
  });
  return [result.title, result.conditions, ...tables].join('\n');
}

/** For a page of the documentation. */
export function asMarkdown(results: readonly BenchmarkResult[]): string {
  return results
    .map((result) => {
      const { cpu, cores, memory_gb, system, node, neo4j, temporal } = result.machine;
      return [
        `### ${result.title}\n`,
        `${result.conditions}.\n`,
        ...tablesOf(result).flatMap(({ head, rows }) => [
          line(head),
          line(head.map((title, n) => (n === 0 || title === GOAL ? '---' : '---:'))),
          ...rows.map(line),
          '',
        ]),
        `Measured ${result.at.slice(0, 10)} on ${cores} cores (${cpu}), ${memory_gb} GB, ${system}; Node ${node.slice(1)}, ` +
          `Neo4j ${neo4j}, Temporal dev server ${temporal}.`,
      ].join('\n');
    })
    .join('\n\n');
}

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
