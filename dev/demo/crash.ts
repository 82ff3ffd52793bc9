/** A story's crash: a program is killed at the worst moment, while the gateway has the money and nobody has its answer. */

import { setTimeout } from 'node:timers/promises';
import type { PersonaSystem } from '../persona.ts';
import { elapsedSince } from '../stack/progress.ts';

const LIMIT_MS = 30_000;

/**
 * Waits until a charge of this card stands still at the gateway, kills the program, and starts it again once the
 * gateway's answer has gone nowhere.
 * @returns what happened, a line each
 */
export async function killDuringCharge(
  { addresses, programs }: PersonaSystem,
  name: string,
  token: string,
): Promise<string[]> {
  const program = programs.get(name);
  if (program === undefined) throw new Error(`there is no program ${name} to be killed`);
  const hold = await waitForHold(addresses.gateway, token);
  const killed = program.child.pid;
  await program.kill();
  await fetch(`${addresses.gateway}/_sim/holds/${hold}/release`, { method: 'POST' });
  const startedAt = Date.now();
  await program.restart();
  return [
    `the gateway has taken the money and not answered yet: now the ${name} is killed (kill -9 ${killed})`,
    'the gateway answers, and nobody is there to hear it',
    `a new ${name} starts (process ${program.child.pid}, ${elapsedSince(startedAt)})`,
  ];
}

async function waitForHold(gateway: string, token: string): Promise<string> {
  for (const limit = Date.now() + LIMIT_MS; Date.now() < limit; await setTimeout(20)) {
    const response = await fetch(`${gateway}/_sim/holds`);
    const { data } = (await response.json()) as { data: { id: string; payment_method: string }[] };
    const hold = data.find(({ payment_method }) => payment_method === token);
    if (hold !== undefined) return hold.id;
  }
  throw new Error(`no charge of ${token} came to stand at the gateway`);
}
