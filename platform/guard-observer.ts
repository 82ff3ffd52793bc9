/** Metrics and logs of the guards around the API's dependencies. */

import { Counter, Gauge, type Registry } from 'prom-client';
import type { BreakerState } from '../domain/ports.ts';
import type { Logger } from './logs.ts';

const VALUES: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 1, open: 2 };

/** The guards' observer. An outage is logged once, however often a trial call fails. */
export function observeGuards(registry: Registry, logger: Logger) {
  const registers = [registry];
  const states = new Gauge({
    name: 'persona_dependency_breaker_state',
    help: 'Whether this process asks a dependency: 0 closed (yes), 1 half open (one trial call), 2 open (no)',
    labelNames: ['dependency'],
    registers,
  });
  const refusals = new Counter({
    name: 'persona_dependency_refused_total',
    help: 'Calls that a dependency was spared: its breaker was open, or too many were in progress (full)',
    labelNames: ['dependency', 'reason'],
    registers,
  });
  const failing = new Set<string>();
  return {
    changed(dependency: string, state: BreakerState) {
      states.set({ dependency }, VALUES[state]);
      if (state === 'open' && !failing.has(dependency)) {
        failing.add(dependency);
        logger.error({ dependency }, 'a dependency is failing: its callers are refused');
      } else if (state === 'closed') {
        failing.delete(dependency);
        logger.info({ dependency }, 'a dependency has recovered');
      }
    },
    refused: (dependency: string, reason: 'open' | 'full') => refusals.inc({ dependency, reason }),
  };
}
