import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Result } from 'execa';

/** For a busy machine: a worker rehearses recoveries and onboardings before it starts. */
const START_LIMIT_MS = 120_000;

/** A running program of Persona, started with execa's `reject: false`. */
type RunningProgram = Promise<Pick<Result, 'shortMessage' | 'stderr'>> & {
  stdout: Readable;
  kill(signal: 'SIGKILL'): boolean;
};

/**
 * Waits for the line `{"ready":{…}}` that a program prints first. One that is not ready in time is killed.
 *
 * @throws Error with what the program wrote to stderr, if it ends before it is ready
 */
export async function readReadyLine(program: RunningProgram): Promise<Record<string, any>> {
  const timer = setTimeout(() => program.kill('SIGKILL'), START_LIMIT_MS);
  const ended = program.then(({ shortMessage, stderr }) => {
    throw new Error(`${shortMessage ?? 'the program ended'}\n${stderr}`);
  });
  const firstLine = once(createInterface(program.stdout), 'line');
  const [line] = await Promise.race([firstLine, ended]).finally(() => clearTimeout(timer));
  return JSON.parse(line).ready;
}
