/** Metrics and logs of a process's graph: the duration of reads and commands, those in progress, and what they wrote. */

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { PersonaError } from '../domain/errors.ts';
import { type CommittedCommand, createBusinessMetrics } from './business-metrics.ts';
import type { Logger } from './logs.ts';
import { logCommand, type LogContext } from './command-log.ts';
import { beginSpan, isTracing } from './tracing.ts';

/**
 * The graph's `observer`.
 *
 * @param options.connections the process's maximum number of connections; further concurrent operations wait
 * @param options.logContext the context of a command, for its log line
 * @param options.onCommitted receives each command before its caller gets the result
 */
export function observeGraph(
  registry: Registry,
  logger: Logger,
  {
    connections,
    logContext,
    onCommitted,
  }: {
    connections: number;
    logContext: () => LogContext;
    onCommitted: (command: CommittedCommand) => void;
  },
) {
  const registers = [registry];
  const duration = new Histogram({
    name: 'persona_graph_duration_seconds',
    help: 'Duration of graph reads and commands, by result; commands including their retries',
    labelNames: ['operation', 'result'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const inFlight = new Gauge({
    name: 'persona_graph_operations',
    help: 'Reads and commands in progress; each uses a connection',
    registers,
  });
  new Gauge({
    name: 'persona_graph_pool_connections_max',
    help: 'Maximum number of Neo4j connections of this process',
    registers,
  }).set(connections);
  const retried = new Counter({
    name: 'persona_graph_command_retries_total',
    help: 'Commands that were retried because of a lock conflict or a lost connection',
    labelNames: ['command'],
    registers,
  });
  const foreignTokens = new Counter({
    name: 'persona_tokens_of_other_customers_total',
    help: 'Payment methods refused because another customer has their token, by command',
    labelNames: ['command'],
    registers,
  });
  const count = createBusinessMetrics(registry, logger);

  return {
    started(operation: string, cypher?: string) {
      const startedAt = performance.now();
      inFlight.inc();
      const endSpan = beginGraphSpan(operation, cypher);
      return (failure?: unknown) => {
        endSpan?.(failure);
        inFlight.dec();
        const result = resultOf(failure);
        duration.observe({ operation, result }, (performance.now() - startedAt) / 1_000);
        if (result === FOREIGN_TOKEN) foreignTokens.inc({ command: operation });
      };
    },
    retried: (command: string) => retried.inc({ command }),
    committed(command: CommittedCommand) {
      onCommitted(command);
      count(command);
      if (omittedForeignToken(command)) foreignTokens.inc({ command: command.name });
      logCommand(logger, command, logContext());
    },
  };
}

/** A read is known by its statement, in which parameters stand for all values. */
function beginGraphSpan(operation: string, cypher: string | undefined) {
  if (!isTracing()) return undefined;
  return beginSpan(`graph ${operation}`, {
    'db.system.name': 'neo4j',
    ...(cypher === undefined
      ? { 'db.operation.name': operation }
      : { 'db.query.text': cypher.trim().replaceAll(/\s+/g, ' ') }),
  });
}

const FOREIGN_TOKEN = 'token_belongs_to_other_customer';

/** An onboarding and a verification succeed without the method and report that in their result. */
function omittedForeignToken({ result }: CommittedCommand): boolean {
  const { warnings, refused } = (result ?? {}) as { warnings?: readonly string[]; refused?: string };
  return refused === FOREIGN_TOKEN || warnings?.includes(FOREIGN_TOKEN) === true;
}

function resultOf(failure: unknown): string {
  if (failure === undefined) return 'ok';
  return failure instanceof PersonaError ? failure.type : 'internal';
}
