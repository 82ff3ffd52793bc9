import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Guard } from '../stack/guard.ts';
import type { TestCount, TestOutcome } from './static-checks.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

export interface VitestOptions {
  /** Tiers, as named in vitest.config.ts; default: all of them. */
  projects?: readonly string[];
  /** Passed to vitest unchanged: parts of file names, `-t NAME`. */
  filters: readonly string[];
  env: Record<string, string | undefined>;
  guard: Guard;
}

/** The part of vitest's JSON report that is used. */
export interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: readonly { status: string; assertionResults: readonly { status: string }[] }[];
}

/** Runs the tests with their output on this terminal. */
export async function runVitest({ projects = [], filters, env, guard }: VitestOptions): Promise<TestOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'persona-tests-'));
  guard.removeAtEnd(folder);
  const [file, failuresFile] = [join(folder, 'report.json'), join(folder, 'failures.json')];
  const args = [
    join(repository, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...projects.flatMap((name) => ['--project', name]),
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
    `--reporter=${join(repository, 'dev', 'test', 'failures-reporter.ts')}`,
    ...filters,
  ];
  guard.assertNotStopping();
  const child = spawn(process.execPath, args, {
    cwd: repository,
    env: { ...env, PERSONA_TEST_FAILURES: failuresFile },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  if (child.pid !== undefined) guard.own(child.pid, 'tool');
  const [code] = await once(child, 'exit');
  if (child.pid !== undefined) guard.disown(child.pid);
  const report = readJson<VitestReport>(file);
  const failures = readJson<string[]>(failuresFile) ?? ['vitest ended without a report'];
  rmSync(folder, { recursive: true, force: true });
  const filteredByName = filters.some((filter) => filter === '-t' || filter.startsWith('--testNamePattern'));
  const count = countTests(report, code ?? 1, filteredByName);
  if (count.failed > failures.length) failures.push('skipped tests, or none: see the output above');
  return { ...count, failures };
}

function readJson<T>(file: string): T | undefined {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/**
 * Counts the results of a report. A file that cannot be loaded or cleaned up, a skipped test (unless tests were selected
 * by name), an error outside any test and a run without tests count as failures, too: what did not run has not passed.
 */
export function countTests(
  report: VitestReport | undefined,
  exitCode: number,
  filteredByName: boolean,
): TestCount {
  if (report === undefined) return { passed: 0, failed: 1 };
  const brokenFiles = report.testResults.filter(
    (testFile) =>
      testFile.status === 'failed' && testFile.assertionResults.every(({ status }) => status !== 'failed'),
  ).length;
  const skipped = filteredByName ? 0 : report.numPendingTests + report.numTodoTests;
  const failed = report.numFailedTests + brokenFiles + skipped;
  const passed = report.numPassedTests;
  return { passed, failed: failed === 0 && (exitCode !== 0 || passed === 0) ? 1 : failed };
}
