/** `persona import`, run as users run it: a program of its own. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { BenchSystem } from '../system.ts';
import { memoryOf } from '../memory.ts';

const PROGRAM = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const SAMPLE_INTERVAL_MS = 50;

/** What the program says of itself at its end. */
export interface ImportSummary {
  lines: number;
  created: number;
  recognised: number;
  repeated: number;
  rejected: number;
  /** The file that names what was rejected, if anything was. */
  report?: string;
}

export interface ImportRun {
  summary: ImportSummary;
  /** From the program's start to its end. */
  seconds: number;
  /** Resident memory in MB; NaN where the system is not Linux. */
  peak: number;
}

/** @throws Error with what the program said, if it did not come to the file's end */
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
