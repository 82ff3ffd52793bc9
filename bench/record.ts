/** Stores results: the newest of each benchmark among the clone's working files, the published ones in docs/. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { asMarkdown } from './report.ts';
import type { BenchmarkResult } from './result.ts';

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const RESULTS_FOLDER = path('.persona/bench');
const PUBLISHED = path('docs/performance.json');
const PAGE = path('docs/performance.md');
const BEGIN = '<!-- figures: written by `npm run bench -- publish` -->';
const END = '<!-- end of figures -->';

/** @returns the file's path */
export function saveResult(result: BenchmarkResult): string {
  mkdirSync(RESULTS_FOLDER, { recursive: true });
  const file = fileOf(result.name);
  writeFileSync(file, JSON.stringify(result, undefined, 2));
  return file;
}

/**
 * Writes the newest results to docs/performance.json and their tables to docs/performance.md.
 * @param names of all benchmarks, in the page's order
 * @returns a summary for the log
 */
export function publish(names: readonly string[]): string {
  const newest = names.map((name) => fileOf(name)).filter((file) => existsSync(file));
  const known = new Map(readPublished().map((result) => [result.name, result]));
  for (const file of newest) {
    const result = JSON.parse(readFileSync(file, 'utf8')) as BenchmarkResult;
    known.set(result.name, result);
  }
  const results = names.flatMap((name) => known.get(name) ?? []);
  writeFileSync(PUBLISHED, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(PAGE, withFigures(readFileSync(PAGE, 'utf8'), results));
  return `${newest.length} of ${names.length} results written to ${PAGE}`;
}

/** The page with its figures replaced. @throws Error if the page lacks the markers */
export function withFigures(page: string, results: readonly BenchmarkResult[]): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`the page lacks '${BEGIN}' or '${END}'`);
  return `${before}${BEGIN}\n\n${asMarkdown(results)}\n\n${END}${after}`;
}

/** The content of docs/performance.json. */
export function readPublished(): BenchmarkResult[] {
  return existsSync(PUBLISHED) ? (JSON.parse(readFileSync(PUBLISHED, 'utf8')) as BenchmarkResult[]) : [];
}

function fileOf(name: string): string {
  return `${RESULTS_FOLDER}/${name}.json`;
}
