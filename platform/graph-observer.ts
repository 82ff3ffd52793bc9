/** What a process measures and logs of its graph: how long reads and commands take, how many are under way, what they wrote. */

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { PersonaError } from '../domain/errors.ts';
import { type CommittedCommand, createFactCounts } from './facts.ts';
import type { Logger } from './logs.ts';
import { logMilestone, type Surroundings } from './milestones.ts';

/**
 * What the graph's `observer` wants to be.
 *
 * @param options.connections that the process holds at most: beyond as many operations at once, the next ones wait
 * @param options.around says where a step was taken, for its log line
 */
export function observeGraph(
  registry: Registry,
  logger: Logger,
  { connections, around }: { connections: number; around: () => Surroundings },
) {
  const registers = [registry];
  const duration = new Histogram({
    name: 'persona_graph_duration_seconds',
    help: 'How long reads and commands of the graph took, by what became of them; commands with their repetitions',
    labelNames: ['operation', 'result'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const underWay = new Gauge({
    name: 'persona_graph_operations',
    help: 'Reads and commands that are under way; each needs a connection',
    registers,
  });
  new Gauge({
    name: 'persona_graph_pool_connections_max',
    help: 'Connections to Neo4j that this process holds at most',
    registers,
  }).set(connections);
  const repeated = new Counter({
    name: 'persona_graph_command_retries_total',
    help: 'Commands that were run again because others held their nodes or the connection was lost',
    labelNames: ['command'],
    registers,
  });
  const count = createFactCounts(registry, logger);

  return {
    started(operation: string) {
      const startedAt = performance.now();
      underWay.inc();
      return (failure?: unknown) => {
        underWay.dec();
        duration.observe({ operation, result: resultOf(failure) }, (performance.now() - startedAt) / 1_000);
      };
    },
    repeated: (command: string) => repeated.inc({ command }),
    committed(command: CommittedCommand) {
      count(command);
      logMilestone(logger, command, around());
    },
  };
}

function resultOf(failure: unknown): string {
  if (failure === undefined) return 'ok';
  return failure instanceof PersonaError ? failure.type : 'internal';
}
