import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from './stack/child.ts';
import type { Guard } from './stack/guard.ts';
import { freePort } from './stack/ports.ts';
import { type ManagedProcess, startManagedProcess } from './stack/managed-process.ts';
import { retryOnPortConflict, waitUntilReady } from './stack/ready.ts';

const START_LIMIT_MS = 120_000;
const repository = fileURLToPath(new URL('..', import.meta.url));

/** One of Persona's own programs: a TypeScript file that prints `{"ready":{…}}` with its addresses once it is ready. */
export interface ProgramOptions {
  /** Names the process in `run.json` and its log file. */
  name: string;
  /** Relative to the repository's root. */
  file: string;
  env: Record<string, string | undefined>;
  /** Environment variables for ports, each with its default port. */
  ports: Record<string, number>;
  /** Use the default ports, or the next free ones after them; otherwise any free ones. */
  useDefaultPorts: boolean;
  /** The folder for its log. */
  folder: string;
  guard: Guard;
}

export interface Program extends ManagedProcess {
  readonly name: string;
  /** The addresses that it printed; the same after a restart. */
  readonly ready: Readonly<Record<string, string>>;
}

/**
 * Starts a program and waits until it is ready.
 *
 * @throws StackError with the end of its log
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  return retryOnPortConflict(async () => startOn(options, await choosePorts(options)));
}

async function choosePorts({ ports, useDefaultPorts }: ProgramOptions): Promise<Record<string, string>> {
  const chosen: Record<string, string> = {};
  for (const [variable, defaultPort] of Object.entries(ports)) {
    chosen[variable] = String(await freePort(useDefaultPorts ? defaultPort : undefined));
  }
  return chosen;
}

async function startOn(options: ProgramOptions, ports: Record<string, string>): Promise<Program> {
  const { name, file, env, folder, guard } = options;
  let ready: Record<string, string> = {};
  const running = await startManagedProcess(async () => {
    const child = startChild({
      file: process.execPath,
      args: [join(repository, file)],
      cwd: repository,
      env: { ...env, ...ports },
      logFile: join(folder, `${name}.log`),
      stage: 'program',
      guard,
    });
    ready = await waitUntilReady(name, child, START_LIMIT_MS, async () => readyLine(child.output()));
    return child;
  });
  return Object.assign(running, { name, ready });
}

function readyLine(output: string): Record<string, string> {
  const line = output.split('\n').find((text) => text.startsWith('{"ready":'));
  if (line === undefined) throw new Error('not ready yet');
  return JSON.parse(line).ready;
}
