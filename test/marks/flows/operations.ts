/** What operators do: commands of the command line, with their output. */

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { newCard, newCustomer, now, type Stage } from './stage.ts';
import { failureOf } from './payments.ts';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));

export interface CommandOutput {
  /** Its name, such as `import`. */
  name: string;
  output: string;
  code: number | null;
  /** As other users of the machine see them; empty if it ended before they were read. */
  commandLine: Buffer;
}

export type RunCommand = ReturnType<typeof createCommands>['run'];

export function createCommands({ system }: Pick<Stage, 'system'>) {
  const outputs: CommandOutput[] = [];
  async function run(
    args: readonly string[],
    { input = '', variables = {} }: { input?: string; variables?: Record<string, string> } = {},
  ): Promise<CommandOutput> {
    const child = spawn(process.execPath, ['cli/main.ts', ...args], {
      cwd: REPOSITORY,
      env: { ...system.env, ...variables },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    // It waits for its input, so it is running.
    const commandLine = readFileSync(`/proc/${child.pid}/cmdline`);
    child.stdin.on('error', () => {}).end(input);
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    const ended = { name: args[0] ?? '', output, code, commandLine };
    outputs.push(ended);
    return ended;
  }
  return { run, outputs };
}

/** An import with valid, repeated and refused lines. @returns the folder's files that Persona has written */
export async function importFile(stage: Stage, run: RunCommand): Promise<string[]> {
  const { marks, system } = stage;
  const file = join(system.folder, 'customers.jsonl');
  const line = (changes: object) => ({
    ...{ transaction_id: `import-${randomUUID()}`, occurred_at: now() },
    ...changes,
  });
  const address = {
    email: marks.draw('OnboardingRequest.email'),
    phone: marks.draw('OnboardingRequest.phone'),
  };
  const token = await newCard(stage, 'OnboardingRequest.payment_method_details.token');
  const lines = [
    line({ ...address, payment_method_details: { type: 'card', token } }),
    line({
      email: marks.draw('OnboardingRequest.email'),
      device_details: { fingerprint: marks.draw('OnboardingRequest.device_details.fingerprint') },
    }),
    line({
      email: `${marks.drawForeign('a refused line')} at home`,
      phone: marks.drawForeign('a refused line'),
    }),
    line({ customer_metadata: { segment: marks.drawCardNumber() } }),
  ];
  const broken = `{"email": "${marks.drawForeign('a broken line')}`;
  writeFileSync(file, [...lines.map((one) => JSON.stringify(one)), broken].join('\n'), { mode: 0o600 });
  const { code, output } = await run(['import', file, '--json']);
  expect(code, output).toBe(1);
  return [`${file}.rejected.jsonl`, `${file}.import.json`];
}

export async function operate(stage: Stage, run: RunCommand, waiting: string): Promise<void> {
  const { marks, system } = stage;
  const failure = failureOf(stage, await newCustomer(stage, [{}, {}]));
  const succeeds = async (args: string[], options: Parameters<RunCommand>[1] = {}) => {
    const { code, output } = await run(args, options);
    expect(code, output).toBe(0);
  };
  await succeeds(['recover', '-'], { input: JSON.stringify(failure) });
  // What is typed after --reason is among the process's arguments; a client with the codec hides it.
  await succeeds(['pause', waiting, '--reason', 'the bank asked']);
  const by = { actor: 'an operator', reason: marks.drawForeign('the reason of an operator') };
  await system.client.workflow.getHandle(`recovery:${waiting}`).signal('resume', by);
  await succeeds(['config']);
  await succeeds(['customer', failure.customer_id]);
  await succeeds(['reconcile']);
  await run(['recover', '-'], { input: `{"reason": "${marks.drawForeign('a broken input')}` });
  await run(['recover', '-'], {
    input: JSON.stringify({ ...failure, description: `${marks.drawForeign('a refused input')}\u0007` }),
  });
  await run(['customer', failure.customer_id], {
    variables: { PERSONA_TOKEN: marks.drawForeign('a wrong PERSONA_TOKEN') },
  });
}
