/** The consumer process: applies other agents' records from Kafka. Composition root. */

import { type KafkaRecordReader, openRecordReader } from '../adapters/kafka/consumer.ts';
import { kafkaOptions, verifyKafka } from '../adapters/kafka/connection.ts';
import { openDeadLetters } from '../adapters/kafka/dead-letters.ts';
import { openJournal } from '../adapters/erasure-journal/open.ts';
import { openSchemaRegistry } from '../adapters/schema-registry/client.ts';
import { openSharedContexts } from '../adapters/redis/shared-contexts.ts';
import { contextChanges } from '../domain/context-changes.ts';
import { consume } from '../events/inbound/consume.ts';
import { createDeadLetterCodec } from '../events/inbound/dead-letters.ts';
import { createRecordDecoder } from '../events/inbound/decode-record.ts';
import { createRecordProcessor } from '../events/inbound/process-record.ts';
import {
  checkKeys,
  isGraphAway,
  MAX_CONNECTIONS,
  openConfiguredGraph,
  prepareGraph,
  READ_MS,
} from '../graph/index.ts';
import { createConsumerObserver } from '../platform/consumer-metrics.ts';
import { applyJournal } from '../graph/erasure/index.ts';
import { observeSharedContexts } from '../platform/context-metrics.ts';
import { readConsumerEnvironment } from '../platform/environment.ts';
import { exitWithError } from '../platform/exit.ts';
import { observeGraph } from '../platform/graph-observer.ts';
import { decryptKmsKeys } from '../platform/kms-keys.ts';
import { createLogger } from '../platform/logs.ts';
import { createMetrics, serveMetrics } from '../platform/metrics.ts';
import { readPolicy } from '../platform/policy.ts';
import { type Phase, readinessOf } from '../platform/readiness.ts';
import { createShutdown } from '../platform/shutdown.ts';
import { startTracing } from '../platform/start-tracing.ts';
import { untilReachable } from '../platform/until-reachable.ts';
import { createContextCipher } from '../security/context-cipher.ts';
import { createDeadLetterCipher } from '../security/dead-letter-cipher.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { dependencyStates, sharedCheck, statesOf } from '../services/dependency-states.ts';
import { openTemporal } from '../temporal/client.ts';
import { temporalTracing } from '../temporal/tracing.ts';

/** Covers the records in progress, and closing everything else. */
const GRACE_MS = 40_000;

await main().catch(exitWithError);

async function main(): Promise<void> {
  const environment = readConsumerEnvironment(await decryptKmsKeys(process.env));
  const policy = readPolicy(environment.policyFile);
  const logger = createLogger({ process: 'consumer', level: environment.logLevel });
  const metrics = createMetrics();
  const shutdown = createShutdown(logger, GRACE_MS);
  const { signal } = shutdown;
  try {
    await startTracing(environment.traces, policy.traces, { logger, shutdown });
    const tracing = await temporalTracing();
    const ring = createKeyRing(environment.keys.reveal());
    const shared =
      environment.redisUrl &&
      openSharedContexts({
        url: environment.redisUrl.reveal(),
        maxStalenessMs: policy.context.maxStalenessMs,
        cipher: createContextCipher(ring),
        ...observeSharedContexts(metrics.registry, logger),
      });
    if (shared) shutdown.add('redis', () => shared.close());
    const journal = openJournal(environment);
    const graph = openConfiguredGraph(environment, {
      readTimeoutMs: READ_MS,
      observer: observeGraph(metrics.registry, logger, {
        connections: MAX_CONNECTIONS,
        logContext: () => ({}),
        onCommitted: ({ events }) => shared?.invalidate(contextChanges(events)),
      }),
    });
    shutdown.add('graph', () => graph.close());
    const address = { ...environment.temporal, apiKey: environment.temporal.apiKey?.reveal() };
    const temporal = openTemporal({
      ...address,
      codecKeys: environment.codecKeys.reveal(),
      interceptors: { workflow: tracing.client },
    });
    shutdown.add('temporal', () => temporal.connection.close());
    const kafka = kafkaOptions(environment.kafka);
    const { schemaRegistry } = environment.kafka;
    const registry = schemaRegistry && openSchemaRegistry(schemaRegistry);
    const decode = createRecordDecoder(registry);
    const deadLetters = openDeadLetters(kafka, createDeadLetterCodec(createDeadLetterCipher(ring)));
    shutdown.add('dead letters', () => deadLetters.close());

    let phase: Phase = 'starting';
    const serverStates = sharedCheck(async () => {
      const [needed, optional] = await Promise.all([
        Promise.all([dependencyStates({ graph, temporal }), statesOf({ kafka: () => verifyKafka(kafka) })]),
        statesOf(registry ? { schema_registry: () => registry.verify() } : {}),
      ]);
      return { needed: Object.assign({}, ...needed) as typeof optional, optional };
    });
    const metricsServer = await serveMetrics(environment.metrics, {
      metrics: () => metrics.registry.metrics(),
      readiness: async () => {
        const { needed, optional } = await serverStates();
        // Without the registry only records of schemas that were not seen before wait.
        return readinessOf({ ...needed, ...optional }, phase, Object.keys(needed));
      },
    });
    shutdown.add('metrics', () => metricsServer.close());

    const prepare = async () => {
      await prepareGraph(graph, environment, (indexes) =>
        logger.info({ indexes }, 'waiting for indexes that a migration needs'),
      );
      // Before the first read from a graph that was restored.
      if (journal && graph.erasedIds)
        logger.info(await applyJournal(graph, journal), 'erasure journal applied');
    };
    await untilReachable(prepare, { name: 'Neo4j', isAway: isGraphAway, logger, signal });

    // This process has every key that any process has registered, so none can open what it cannot.
    const isKeyLost = async () => (await checkKeys(graph, environment)).length === 0;
    let reader: KafkaRecordReader | undefined;
    const observer = createConsumerObserver(metrics.registry, logger, async () => reader?.lag());
    const consuming = consume({
      openReader: async () => {
        reader = await openRecordReader(kafka, observer.onDeleted);
        logger.info('reading');
        return reader;
      },
      processRecord: createRecordProcessor({ graph, temporal, policy }, decode, isKeyLost),
      decode,
      deadLetters,
      observe: {
        ...observer,
        onReading(isReading) {
          if (!isReading) reader = undefined;
        },
      },
      signal,
    });
    shutdown.add('consumer', () => consuming);
    phase = 'running';
    shutdown.add('readiness', () => {
      phase = 'stopping';
    });
    if (signal.aborted) return;
    console.log(JSON.stringify({ ready: { metrics: metricsServer.url } }));
  } catch (error) {
    // The shutdown has ended what the startup waited for, and exits by itself.
    if (signal.aborted) return;
    await shutdown.stopAll();
    throw error;
  }
}
