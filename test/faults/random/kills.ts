/** Kills what the plan says, and tries again what meets a dead server. */

import { setTimeout } from 'node:timers/promises';
import type { ManagedProcess } from '../../../dev/stack/managed-process.ts';
import type { Log } from '../../../dev/stack/progress.ts';
import { type ErrorType, PersonaError } from '../../../domain/errors.ts';
import type { FaultSystem } from '../system.ts';
import type { PlannedAction, Victim } from './plan.ts';

/** How long whoever meets a dead server tries again. */
const RETRY_LIMIT_MS = 300_000;
/** How long a victim is up before it dies again, at least. */
const MIN_UPTIME_MS = 10_000;
function victimOf(system: FaultSystem, victim: Victim): ManagedProcess {
  if (victim === 'neo4j' || victim === 'temporal') return system[victim];
  return system.program(victim);
}

export type Kill = Extract<PlannedAction, { do: 'kill' }>;

/**
 * A victim dies once for each time that the plan says so, and comes back before it dies again: it may take long while a
 * server that it needs is away, and a second one would find its ports taken.
 */
export function createKiller(system: FaultSystem, log: Log): (action: Kill) => Promise<void> {
  const turns = new Map<Victim, Promise<void>>();
  return (action) => {
    const turn = (turns.get(action.victim) ?? Promise.resolve()).then(() =>
      kill(victimOf(system, action.victim), action, log),
    );
    turns.set(action.victim, turn);
    return turn;
  };
}

async function kill(process: ManagedProcess, { victim, downtimeMs, at }: Kill, log: Log): Promise<void> {
  log(`at ${(at / 1000).toFixed(1)} s: kill -9 ${victim}`);
  await process.kill();
  await setTimeout(downtimeMs);
  await retryUntilDone(`${victim} starts again`, () => process.restart());
  // On a busy machine, too, it has some time in which it works.
  await setTimeout(MIN_UPTIME_MS);
}

/** What is refused because of what came before it: no service brings back a consent, or a card that was removed. */
const IGNORED_ERRORS: readonly ErrorType[] = ['illegal_transition', 'payment_method_not_found'];

/** What others asked of the gateway when it died, and what they do not ask again: it may have been done. */
export class InterruptedRequestError extends Error {}

/** What is refused by a rule is done with; a server that is away is asked again. */
export async function retryUntilDone(what: string, act: () => Promise<void>): Promise<void> {
  for (const limit = Date.now() + RETRY_LIMIT_MS; ; await setTimeout(500)) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof PersonaError && IGNORED_ERRORS.includes(error.type)) return;
      if (error instanceof InterruptedRequestError) return;
      if (Date.now() > limit) throw new Error(`could not be done: ${what}: ${error}`, { cause: error });
    }
  }
}
