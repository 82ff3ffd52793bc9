/** Runs `persona import` as operators do, as a separate program. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { BenchSystem } from '../system.ts';
import { memoryOf } from '../memory.ts';

const PROGRAM = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const SAMPLE_INTERVAL_MS = 50;

/** The summary that the program prints at its end. */
export interface ImportSummary {
  lines: number;
  created: number;
  recognised: number;
  repeated: number;
  rejected: number;
  /** The file that lists the rejected lines, if there are any. */
  report?: string;
}

export interface ImportRun {
  summary: ImportSummary;
  /** From the program's start to its end. */
  seconds: number;
  /** Peak resident memory in MB; NaN if the system is not Linux. */
  peak: number;
}

/** @throws Error with the program's output, if it did not reach the end of the file */
export async function runImport(
  file: string,
  { env, guard }: Pick<BenchSystem, 'env' | 'guard'>,
): Promise<ImportRun> {
  guard.assertNotStopping();
  const startedAt = performance.now();
  const child = spawn(process.execPath, [PROGRAM, 'import', file, '--json'], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${PROGRAM}`);
  guard.own(pid, 'program');
  let peak = Number.NaN;
  const sampling = setInterval(() => {
    peak = memoryOf(pid)?.peak ?? peak;
  }, SAMPLE_INTERVAL_MS);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  clearInterval(sampling);
  guard.disown(pid);
  const seconds = (performance.now() - startedAt) / 1_000;
  if (!out.startsWith('{')) throw new Error(`the import of ${file} ended with ${child.exitCode}: ${err}`);
  return { summary: JSON.parse(out) as ImportSummary, seconds, peak };
}
