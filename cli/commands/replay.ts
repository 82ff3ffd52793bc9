import { kafkaOptions } from '../../adapters/kafka/connection.ts';
import { openSchemaRegistry } from '../../adapters/schema-registry/client.ts';
import { PersonaError } from '../../domain/errors.ts';
import { admitKeys, type Graph, openConfiguredGraph } from '../../graph/index.ts';
import { openGraphSource } from '../../graph/replay/graph-source.ts';
import type { LogSource } from '../../graph/replay/log-source.ts';
import { replayInto } from '../../graph/replay/replay-into.ts';
import type { ReplayProgress } from '../../graph/replay/replay-progress.ts';
import { verifyAll } from '../../graph/replay/verify.ts';
import { readGraphEnvironment, readKafkaEnvironment } from '../../platform/environment.ts';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode } from '../failure.ts';
import { openKafkaSource } from '../replay/kafka-source.ts';
import type { Settings } from '../settings.ts';

export const REPLAY_SOURCES = ['graph', 'kafka'] as const;

export interface ReplayOptions {
  /** Where the events are read; the keys that open them are this graph's in any case. */
  from: (typeof REPLAY_SOURCES)[number];
  /** Of the other Neo4j; its user, password and database are this one's, unless `PERSONA_REPLAY_PASSWORD` sets another password. */
  into: string;
  /** One customer with everything that its events refer to; absent: everything. */
  customer?: string;
  printStatus(line: string): void;
}

/** The least time between two lines of progress. */
const PROGRESS_MS = 2_000;

/**
 * Rebuilds this graph, or one customer of it, from its log in another, empty Neo4j, and verifies the copy against the log.
 * Interrupted, the same command continues.
 * @throws EnvironmentError without the keys that open the log; CliFailure without Kafka's address; PersonaError
 * graph_not_empty, log_unusable, customer_not_found, graph_unavailable, kafka_unavailable, schema_registry_unavailable
 */
export async function replay(settings: Settings, options: ReplayOptions): Promise<CommandResult> {
  const environment = readGraphEnvironment(settings.variables);
  const password = settings.variables.PERSONA_REPLAY_PASSWORD;
  const { into: uri, customer: customerId, printStatus } = options;
  const here = openConfiguredGraph(environment);
  const target = openConfiguredGraph(environment, { uri, ...(password !== undefined && { password }) });
  let source: (LogSource & { close?(): Promise<void> }) | undefined;
  try {
    await assertReachable(target, uri);
    source = await openSource(settings, options.from, here);
    const totals = await replayInto(source, here, target, {
      ...(customerId !== undefined && { customerId }),
      onProgress: progressPrinter(printStatus),
    });
    await admitKeys(target, environment);
    const { differences } = await verifyAll(target, { onDifference: () => {} });
    const built = `${totals.events} events, ${totals.customers} customers, ${totals.devices} devices, ${totals.personas} personas`;
    const document = { ...totals, differences };
    return differences === 0
      ? { document, text: `Rebuilt at ${uri}: ${built}. It matches the event log.` }
      : {
          document,
          text: `Rebuilt at ${uri}: ${built}. It does not match the event log: ${differences} differences; persona verify --all lists them.`,
          exitCode: ExitCode.failed,
        };
  } finally {
    await Promise.all([source?.close?.(), here.close(), target.close()]);
  }
}

/** Neo4j's own errors name the variables of this graph. @throws PersonaError graph_unavailable */
async function assertReachable(target: Graph, uri: string): Promise<void> {
  try {
    await target.verifyConnectivity();
  } catch (error) {
    const toCheck =
      'check the address, and that NEO4J_USERNAME, NEO4J_DATABASE and the password are also right there (PERSONA_REPLAY_PASSWORD sets another one)';
    throw new PersonaError('graph_unavailable', `the Neo4j of --into, ${uri}, cannot be used: ${toCheck}`, {
      cause: error,
    });
  }
}

async function openSource(
  { variables }: Settings,
  from: ReplayOptions['from'],
  graph: Graph,
): Promise<LogSource & { close?(): Promise<void> }> {
  if (from === 'graph') return openGraphSource(graph);
  const kafka = readKafkaEnvironment(variables);
  if (kafka === undefined)
    throw new CliFailure(ExitCode.usageError, '--from kafka needs KAFKA_BROKERS: host:port,…');
  const { schemaRegistry } = kafka;
  return openKafkaSource(kafkaOptions(kafka), schemaRegistry && openSchemaRegistry(schemaRegistry));
}

function progressPrinter(printStatus: (line: string) => void): (progress: ReplayProgress) => void {
  let printed: { at: number; phase?: string } = { at: performance.now() };
  return ({ phase, copied, applied }) => {
    if (phase === printed.phase && performance.now() - printed.at < PROGRESS_MS) return;
    printed = { at: performance.now(), phase };
    printStatus(phase === 'copying' ? `${copied} events copied` : `${applied} of ${copied} events applied`);
  };
}
