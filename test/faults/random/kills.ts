/** Kills processes as planned, and retries actions that fail because a server is down. */

import { setTimeout } from 'node:timers/promises';
import type { ManagedProcess } from '../../../dev/stack/managed-process.ts';
import type { Log } from '../../../dev/stack/progress.ts';
import { type ErrorType, PersonaError } from '../../../domain/errors.ts';
import type { FaultSystem } from '../system.ts';
import type { PlannedAction, Victim } from './plan.ts';

/** How long an action is retried while a server is down. */
const RETRY_LIMIT_MS = 300_000;
/** How long a victim is up at least before it is killed again. */
const MIN_UPTIME_MS = 10_000;
function victimOf(system: FaultSystem, victim: Victim): ManagedProcess {
  if (victim === 'neo4j' || victim === 'temporal') return system[victim];
  return system.program(victim);
}

export type Kill = Extract<PlannedAction, { do: 'kill' }>;

/**
 * Each planned kill of a victim happens once, and only after its restart from the previous one: a restart may take long
 * while a server that it needs is down, and a second instance would find its ports taken.
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
  await retryUntilDone(`restarting ${victim}`, () => process.restart());
  // So that it does some work between kills even on a busy machine.
  await setTimeout(MIN_UPTIME_MS);
}

/** Refusals that result from earlier actions: a service restores neither a withdrawn consent nor a removed card. */
const IGNORED_ERRORS: readonly ErrorType[] = ['illegal_transition', 'payment_method_not_found'];

/** An external request during which the gateway died. It may have been executed and is not repeated. */
export class InterruptedRequestError extends Error {}

/** Retries while a server is down; a refusal by a rule counts as done. */
export async function retryUntilDone(what: string, act: () => Promise<void>): Promise<void> {
  for (const limit = Date.now() + RETRY_LIMIT_MS; ; await setTimeout(500)) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof PersonaError && IGNORED_ERRORS.includes(error.type)) return;
      if (error instanceof InterruptedRequestError) return;
      if (Date.now() > limit) throw new Error(`failed repeatedly: ${what}: ${error}`, { cause: error });
    }
  }
}
