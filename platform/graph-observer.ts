/** What a process measures and logs of its graph: how long reads and commands take, how many are under way, what they wrote. */

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { PersonaError } from '../domain/errors.ts';
import { type CommittedCommand, createBusinessMetrics } from './business-metrics.ts';
import type { Logger } from './logs.ts';
import { logCommand, type LogContext } from './command-log.ts';

/**
 * What the graph's `observer` wants to be.
 *
 * @param options.connections that the process holds at most: beyond as many operations at once, the next ones wait
 * @param options.around says where a step was taken, for its log line
 */
export function observeGraph(
  registry: Registry,
  logger: Logger,
  { connections, logContext }: { connections: number; logContext: () => LogContext },
) {
  const registers = [registry];
  const duration = new Histogram({
    name: 'persona_graph_duration_seconds',
    help: 'How long reads and commands of the graph took, by what became of them; commands with their repetitions',
    labelNames: ['operation', 'result'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const inFlight = new Gauge({
    name: 'persona_graph_operations',
    help: 'Reads and commands that are under way; each needs a connection',
    registers,
  });
  new Gauge({
    name: 'persona_graph_pool_connections_max',
    help: 'Connections to Neo4j that this process holds at most',
    registers,
  }).set(connections);
  const retried = new Counter({
    name: 'persona_graph_command_retries_total',
    help: 'Commands that were run again because others held their nodes or the connection was lost',
    labelNames: ['command'],
    registers,
  });
  const foreignTokens = new Counter({
    name: 'persona_tokens_of_other_customers_total',
    help: 'Payment methods refused because another customer has their token, by the command that brought them',
    labelNames: ['command'],
    registers,
  });
  const count = createBusinessMetrics(registry, logger);

  return {
    started(operation: string) {
      const startedAt = performance.now();
      inFlight.inc();
      return (failure?: unknown) => {
        inFlight.dec();
        const result = resultOf(failure);
        duration.observe({ operation, result }, (performance.now() - startedAt) / 1_000);
        if (result === FOREIGN_TOKEN) foreignTokens.inc({ command: operation });
      };
    },
    retried: (command: string) => retried.inc({ command }),
    committed(command: CommittedCommand) {
      count(command);
      if (omittedForeignToken(command)) foreignTokens.inc({ command: command.name });
      logCommand(logger, command, logContext());
    },
  };
}

const FOREIGN_TOKEN = 'token_belongs_to_other_customer';

/** An onboarding and a verification succeed without the method, and say so in their answer. */
function omittedForeignToken({ result }: CommittedCommand): boolean {
  const { warnings, refused } = (result ?? {}) as { warnings?: readonly string[]; refused?: string };
  return refused === FOREIGN_TOKEN || warnings?.includes(FOREIGN_TOKEN) === true;
}

function resultOf(failure: unknown): string {
  if (failure === undefined) return 'ok';
  return failure instanceof PersonaError ? failure.type : 'internal';
}
