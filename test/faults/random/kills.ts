/** Kills what the plan says, and tries again what meets a dead server. */

import { setTimeout } from 'node:timers/promises';
import type { Process } from '../../../dev/stack/process.ts';
import type { Log } from '../../../dev/stack/progress.ts';
import { type ErrorType, PersonaError } from '../../../domain/errors.ts';
import type { FaultSystem } from '../system.ts';
import type { Deed, Victim } from './plan.ts';

/** How long whoever meets a dead server tries again. */
const PATIENCE_MS = 300_000;
/** How long a victim is up before it dies again, at least. */
const UP_MS = 10_000;
function victimOf(system: FaultSystem, victim: Victim): Process {
  if (victim === 'neo4j' || victim === 'temporal') return system[victim];
  return system.program(victim);
}

export type Kill = Extract<Deed, { do: 'kill' }>;

/**
 * A victim dies once for each time that the plan says so, and comes back before it dies again: it may take long while a
 * server that it needs is away, and a second one would find its ports taken.
 */
export function killer(system: FaultSystem, log: Log): (deed: Kill) => Promise<void> {
  const turns = new Map<Victim, Promise<void>>();
  return (deed) => {
    const turn = (turns.get(deed.victim) ?? Promise.resolve()).then(() =>
      kill(victimOf(system, deed.victim), deed, log),
    );
    turns.set(deed.victim, turn);
    return turn;
  };
}

async function kill(process: Process, { victim, down, at }: Kill, log: Log): Promise<void> {
  log(`at ${(at / 1000).toFixed(1)} s: kill -9 ${victim}`);
  await process.kill();
  await setTimeout(down);
  await insist(`${victim} starts again`, () => process.restart());
  // On a busy machine, too, it has some time in which it works.
  await setTimeout(UP_MS);
}

/** What is refused because of what came before it: no service brings back a consent, or a card that was removed. */
const OVERTAKEN: readonly ErrorType[] = ['illegal_transition', 'payment_method_not_found'];

/** What others asked of the gateway when it died, and what they do not ask again: it may have been done. */
export class Interrupted extends Error {}

/** What is refused by a rule is done with; a server that is away is asked again. */
export async function insist(what: string, act: () => Promise<void>): Promise<void> {
  for (const limit = Date.now() + PATIENCE_MS; ; await setTimeout(500)) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof PersonaError && OVERTAKEN.includes(error.type)) return;
      if (error instanceof Interrupted) return;
      if (Date.now() > limit) throw new Error(`could not be done: ${what}: ${error}`, { cause: error });
    }
  }
}
