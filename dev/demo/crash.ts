/** A story's crash: kills a program at the worst moment, after the gateway's capture and before its response arrives. */

import { setTimeout } from 'node:timers/promises';
import type { PersonaSystem } from '../persona.ts';
import { elapsedSince } from '../stack/progress.ts';

const LIMIT_MS = 30_000;

/**
 * Waits until a charge of this card is held at the gateway, kills the program, releases the charge, whose response is
 * lost, and restarts the program.
 * @returns the events, one line each
 */
export async function killDuringCharge(
  { addresses, programs }: PersonaSystem,
  name: string,
  token: string,
): Promise<string[]> {
  const program = programs.get(name);
  if (program === undefined) throw new Error(`unknown program ${name}`);
  const hold = await waitForHold(addresses.gateway, token);
  const killed = program.child.pid;
  await program.kill();
  await fetch(`${addresses.gateway}/_sim/holds/${hold}/release`, { method: 'POST' });
  const startedAt = Date.now();
  await program.restart();
  return [
    `the gateway has captured the payment but not responded yet: the ${name} is killed (kill -9 ${killed})`,
    'the gateway responds, and the response is lost',
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
  throw new Error(`no charge of ${token} was held at the gateway within ${LIMIT_MS / 1000} s`);
}
