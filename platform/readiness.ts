/** Whether a process can work, as load balancers and operators ask for it. */

export interface Readiness {
  /** `degraded`: it does a part of its work, and should be asked for it. */
  status: 'starting' | 'ready' | 'degraded' | 'unavailable' | 'stopping';
  /** Each of what it needs. */
  dependencies: Record<string, 'up' | 'down'>;
}

/**
 * @param stopping on its way out: load balancers should look elsewhere, whatever else is well
 * @param needed what it can do nothing without; absent: all of them
 */
export function readinessOf(
  dependencies: Readiness['dependencies'],
  stopping: boolean,
  needed: readonly string[] = Object.keys(dependencies),
): Readiness {
  if (stopping) return { status: 'stopping', dependencies };
  const down = Object.keys(dependencies).filter((name) => dependencies[name] === 'down');
  if (down.length === 0) return { status: 'ready', dependencies };
  return { status: down.some((name) => needed.includes(name)) ? 'unavailable' : 'degraded', dependencies };
}

export function isReady({ status }: Readiness): boolean {
  return status === 'ready' || status === 'degraded';
}
