/** Runs `persona import` as operators do, as a separate program. */

import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
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
  const options = { env, extendEnv: false, detached: true, stdin: 'ignore', reject: false } as const;
  const child = execa(process.execPath, [PROGRAM, 'import', file, '--json'], options);
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${PROGRAM}`);
  guard.own(pid, 'program');
  let peak = Number.NaN;
  const sampling = setInterval(() => {
    peak = memoryOf(pid)?.peak ?? peak;
  }, SAMPLE_INTERVAL_MS);
  const { stdout, stderr, exitCode, durationMs } = await child;
  clearInterval(sampling);
  guard.disown(pid);
  if (!stdout.startsWith('{')) throw new Error(`the import of ${file} ended with ${exitCode}: ${stderr}`);
  return { summary: JSON.parse(stdout) as ImportSummary, seconds: durationMs / 1_000, peak };
}
