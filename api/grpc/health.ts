/** `grpc.health.v1`, by the dependencies of each name. */

import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { REQUIRED_DEPENDENCIES, type Role } from '../../services/dependency-states.ts';
import type { Services } from '../../services/services.ts';

const CHECK_INTERVAL_MS = 1_000;
/** A single failed check may only be slowness, and would take every replica out of service at the same time. */
const FAILURES_UNTIL_DOWN = 2;

const ROLES = Object.keys(REQUIRED_DEPENDENCIES) as Role[];

/**
 * Serves the health of names: not serving until `setServing`, from then on as the dependencies of their role, and not
 * serving again from `setNotServing` on.
 */
export function serveHealth(
  server: Server,
  dependencyStates: Services['dependencyStates'],
  names: Readonly<Record<Role, readonly string[]>>,
): { setServing(): void; setNotServing(): void } {
  const allNames = ROLES.flatMap((role) => names[role]);
  const health = new HealthImplementation(Object.fromEntries(allNames.map((name) => [name, 'NOT_SERVING'])));
  health.addToServer(server);
  const failures: Record<string, number> = {};
  let isStopped = false;

  async function checkDependencies(): Promise<void> {
    const states = await dependencyStates();
    for (const [name, state] of Object.entries(states))
      failures[name] = state === 'down' ? (failures[name] ?? 0) + 1 : 0;
    if (isStopped) return;
    for (const role of ROLES) {
      const isDown = REQUIRED_DEPENDENCIES[role].some((name) => (failures[name] ?? 0) >= FAILURES_UNTIL_DOWN);
      for (const name of names[role]) health.setStatus(name, isDown ? 'NOT_SERVING' : 'SERVING');
    }
  }
  let runningCheck: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  return {
    setServing() {
      for (const name of allNames) health.setStatus(name, 'SERVING');
      timer = setInterval(() => {
        runningCheck ??= checkDependencies().finally(() => {
          runningCheck = undefined;
        });
      }, CHECK_INTERVAL_MS);
    },
    setNotServing() {
      isStopped = true;
      clearInterval(timer);
      for (const name of allNames) health.setStatus(name, 'NOT_SERVING');
    },
  };
}
