import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { PersonaSystem } from '../persona.ts';

const CLI = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/** An operator runs `persona`. @returns its output @throws Error with it, unless the exit code is 0 */
export async function runCli(
  { env, runFile }: Pick<PersonaSystem, 'env' | 'runFile'>,
  args: readonly string[],
): Promise<string> {
  const options = { env: { ...env, PERSONA_RUN_FILE: runFile } };
  return (await execa(process.execPath, [CLI, ...args], options)).stdout;
}
