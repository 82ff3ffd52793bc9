/** The readiness of a process, for load balancers and operators. */

export interface Readiness {
  /** `degraded`: only a part of its work is available; it still accepts requests for that. */
  status: 'starting' | 'ready' | 'degraded' | 'unavailable' | 'stopping';
  /** The state of each dependency. */
  dependencies: Record<string, 'up' | 'down'>;
}

/** While a process starts or stops, load balancers should use others, regardless of its dependencies. */
export type Phase = 'starting' | 'running' | 'stopping';

/**
 * @param needed the dependencies without which the process is unavailable; default: all of them
 */
export function readinessOf(
  dependencies: Readiness['dependencies'],
  phase: Phase,
  needed: readonly string[] = Object.keys(dependencies),
): Readiness {
  if (phase !== 'running') return { status: phase, dependencies };
  const down = Object.keys(dependencies).filter((name) => dependencies[name] === 'down');
  if (down.length === 0) return { status: 'ready', dependencies };
  return { status: down.some((name) => needed.includes(name)) ? 'unavailable' : 'degraded', dependencies };
}

export function isReady({ status }: Readiness): boolean {
  return status === 'ready' || status === 'degraded';
}
