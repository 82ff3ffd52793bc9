/** `grpc.health.v1`, by what each name needs. */

import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { NEEDS, type Role } from '../../services/dependencies.ts';
import type { Services } from '../../services/services.ts';

const LOOK_EVERY_MS = 1_000;
/** A server that is missing once may only have been slow: every replica would be left at the same moment. */
const LOOKS_UNTIL_MISSING = 2;

const ROLES = Object.keys(NEEDS) as Role[];

/**
 * Serves the health of names, which follows the dependencies of their role until the server leaves.
 * @returns `leave` says for good that none of them is in service
 */
export function serveHealth(
  server: Server,
  dependencies: Services['dependencies'],
  names: Readonly<Record<Role, readonly string[]>>,
): { leave(): void } {
  const all = ROLES.flatMap((role) => names[role]);
  const health = new HealthImplementation(Object.fromEntries(all.map((name) => [name, 'SERVING'])));
  health.addToServer(server);
  const missed: Record<string, number> = {};
  let left = false;

  async function look(): Promise<void> {
    const states = await dependencies();
    for (const [name, state] of Object.entries(states))
      missed[name] = state === 'down' ? (missed[name] ?? 0) + 1 : 0;
    if (left) return;
    for (const role of ROLES) {
      const isMissing = NEEDS[role].some((name) => (missed[name] ?? 0) >= LOOKS_UNTIL_MISSING);
      for (const name of names[role]) health.setStatus(name, isMissing ? 'NOT_SERVING' : 'SERVING');
    }
  }
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
  }, LOOK_EVERY_MS);

  return {
    leave() {
      left = true;
      clearInterval(timer);
      for (const name of all) health.setStatus(name, 'NOT_SERVING');
    },
  };
}
