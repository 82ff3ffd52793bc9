/** What a process does with its catalogue of agents' personas: reads as a metric, failed refreshes in the log. */

import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from './logs.ts';

export function observeCatalogue(registry: Registry, logger: Logger) {
  const registers = [registry];
  const reads = new Counter({
    name: 'persona_catalogue_reads_total',
    help: "Reads of agents' personas: from memory (hit; stale: while Neo4j is away), or of the graph (miss)",
    labelNames: ['result'],
    registers,
  });
  const personas = new Gauge({
    name: 'persona_catalogue_personas',
    help: "Agents' personas in this process's memory",
    registers,
  });
  const refreshedAt = new Gauge({
    name: 'persona_catalogue_refreshed_timestamp_seconds',
    help: "When the agents' personas were last known to be complete",
    registers,
  });
  let isFailing = false;
  return {
    onRead: (result: string): void => reads.inc({ result }),
    /** Logs each change between success and failure. */
    onRefreshed(count: number, failure?: unknown): void {
      personas.set(count);
      if (failure === undefined) refreshedAt.setToCurrentTime();
      if ((failure !== undefined) === isFailing) return;
      isFailing = failure !== undefined;
      if (isFailing)
        logger.warn({ err: failure }, 'the catalogue cannot be refreshed and is served as it was');
      else logger.info('the catalogue is refreshed again');
    },
  };
}
