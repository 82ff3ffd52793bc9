import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
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

/**
 * Runs a long-running program that must succeed, with the environment of this process and `env`. The guard ends it if this
 * process ends first.
 *
 * @throws StackError with the end of its output
 */
export async function runTool(
  file: string,
  args: readonly string[],
  guard: Guard,
  env: Record<string, string> = {},
): Promise<void> {
  guard.assertNotStopping();
  const tool = execa(file, args, { env, stdin: 'ignore', all: true, reject: false, detached: true });
  const { pid } = tool;
  if (pid !== undefined) guard.own(pid, 'tool');
  const { failed, shortMessage, all } = await tool;
  if (pid !== undefined) guard.disown(pid);
  if (failed) throw new StackError(`${shortMessage}:\n${lastLines(all, 30)}`);
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
