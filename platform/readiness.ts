/** Whether a process can work, as load balancers and operators ask for it. */

export interface Readiness {
  status: 'starting' | 'ready' | 'unavailable' | 'stopping';
  /** Each of what it needs. */
  dependencies: Record<string, 'up' | 'down'>;
}

/** @param stopping on its way out: load balancers should look elsewhere, whatever else is well */
export function readinessOf(dependencies: Readiness['dependencies'], stopping: boolean): Readiness {
  if (stopping) return { status: 'stopping', dependencies };
  const isDown = Object.values(dependencies).includes('down');
  return { status: isDown ? 'unavailable' : 'ready', dependencies };
}

export function isReady({ status }: Readiness): boolean {
  return status === 'ready';
}
