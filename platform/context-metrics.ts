/** Metrics of the customers' contexts: how reads were answered, how old the answers were, and what became of changes. */

import { Counter, Histogram, type Registry } from 'prom-client';
import type { Logger } from './logs.ts';

export function createContextMetrics(registry: Registry) {
  const registers = [registry];
  const reads = new Counter({
    name: 'persona_context_cache_total',
    help: 'Reads of customer contexts, by how they were answered',
    labelNames: ['result'],
    registers,
  });
  const age = new Histogram({
    name: 'persona_context_age_seconds',
    help: 'Age of customer contexts that were answered from a cache',
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 5, 15, 60],
    registers,
  });
  const invalidated = new Counter({
    name: 'persona_context_invalidations_total',
    help: 'Changes of customer contexts, by where they were reported: this process (own), or the bus',
    labelNames: ['source'],
    registers,
  });
  return {
    onRead(result: string, ageMs?: number) {
      reads.inc({ result });
      if (ageMs !== undefined) age.observe(ageMs / 1_000);
    },
    onInvalidated(source: 'own' | 'bus', changes: number) {
      invalidated.inc({ source }, changes);
    },
  };
}

/** What a process does with the cache that processes share: its calls as a metric, the state of its connection in the log. */
export function observeSharedContexts(registry: Registry, logger: Logger) {
  const calls = new Counter({
    name: 'persona_shared_context_calls_total',
    help: 'Calls of Redis for customer contexts, by result; skipped: not sent, because Redis had just failed',
    labelNames: ['call', 'result'],
    registers: [registry],
  });
  return {
    onCall: (call: string, result: string): void => calls.inc({ call, result }),
    onConnection(failure: Error | undefined): void {
      if (failure === undefined) logger.info('redis is available again');
      else logger.warn({ err: failure }, 'redis is not available: contexts are read from the graph');
    },
  };
}
