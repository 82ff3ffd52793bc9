import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { StackError } from './errors.ts';
import type { Guard } from './guard.ts';

const windows = process.platform === 'win32';

/** The full path of a program on `PATH`, if there is one. */
export function findOnPath(name: string, path = ''): string | undefined {
  const endings = windows ? ['.exe', '.cmd', '.bat'] : [''];
  for (const folder of path.split(delimiter).filter(Boolean)) {
    for (const ending of endings) {
      const file = join(folder, name + ending);
      if (isExecutable(file)) return file;
    }
  }
  return undefined;
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

export interface ToolResult {
  code: number;
  /** stdout and stderr, interleaved */
  output: string;
}

/**
 * Runs a program to its end and returns its output, whatever its exit code.
 *
 * @param env in addition to this process's environment
 * @param guard ends it if this process ends first: for long-running programs
 */
export function runTool(
  file: string,
  args: readonly string[],
  { cwd, guard, env }: { cwd?: string; guard?: Guard; env?: Record<string, string> } = {},
): Promise<ToolResult> {
  guard?.assertNotStopping();
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: /\.(cmd|bat)$/.test(file),
      detached: guard !== undefined,
    });
    const { pid } = child;
    if (pid !== undefined) guard?.own(pid, 'tool');
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    child.once('close', (code) => {
      if (pid !== undefined) guard?.disown(pid);
      resolve({ code: code ?? -1, output });
    });
  });
}

/**
 * Runs a long-running program that must succeed.
 *
 * @throws StackError with the end of its output
 */
export async function runToolOrThrow(
  file: string,
  args: readonly string[],
  guard: Guard,
  env: Record<string, string> = {},
): Promise<string> {
  const { code, output } = await runTool(file, args, { guard, env });
  if (code === 0) return output;
  throw new StackError(
    `'${[file, ...args].join(' ')}' failed (exit code ${code}):\n${lastLines(output, 30)}`,
  );
}

export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

/** The first `1.2.3` in a text, as three numbers. */
export function versionIn(text: string): [number, number, number] | undefined {
  const found = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return found ? [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)] : undefined;
}

export function isAtLeast(version: readonly number[], oldest: readonly number[]): boolean {
  for (const [index, wanted] of oldest.entries()) {
    const part = version[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
