/** The worker process: one Temporal worker per task queue. Composition root. */

import { createChimeraClient } from '../adapters/chimera/client.ts';
import { openJournal } from '../adapters/erasure-journal/open.ts';
import { openSharedContexts } from '../adapters/redis/shared-contexts.ts';
import { createSmtpNotifier } from '../adapters/smtp/notifier.ts';
import { createStripeGateway } from '../adapters/stripe/gateway.ts';
import { createStripeRecords } from '../adapters/stripe/records.ts';
import { createWebhookNotifier } from '../adapters/webhook/notifier.ts';
import { contextChanges } from '../domain/context-changes.ts';
import { TaskQueue } from '../domain/workflow-contracts.ts';
import {
  countOverdueContests,
  isGraphAway,
  MAX_CONNECTIONS,
  openConfiguredGraph,
  prepareGraph,
  READ_MS,
  recordDisclosures,
} from '../graph/index.ts';
import { lastRetention } from '../graph/retention/index.ts';
import { applyJournal, countOverdueErasures } from '../graph/erasure/index.ts';
import { observeSharedContexts } from '../platform/context-metrics.ts';
import { openDisclosureLog } from '../platform/disclosure-log.ts';
import { disclosingChimera, disclosingGateway, disclosingNotifier } from '../platform/disclosing-ports.ts';
import { readWorkerEnvironment } from '../platform/environment.ts';
import { decryptKmsKeys } from '../platform/kms-keys.ts';
import { exitWithError } from '../platform/exit.ts';
import { createContestMetrics } from '../platform/contest-metrics.ts';
import { createErasureMetrics, createLateMessageCounter } from '../platform/erasure-metrics.ts';
import { createExpiryMetrics } from '../platform/expiry-metrics.ts';
import { observeGatewayBreaker } from '../platform/gateway-breaker.ts';
import { observeGraph } from '../platform/graph-observer.ts';
import { createLogger } from '../platform/logs.ts';
import { createMetrics, serveMetrics } from '../platform/metrics.ts';
import { readPolicy } from '../platform/policy.ts';
import { createProjectionMetrics } from '../platform/projection-metrics.ts';
import { type Phase, type Readiness, readinessOf } from '../platform/readiness.ts';
import { createRetentionMetrics } from '../platform/retention-metrics.ts';
import { createShutdown } from '../platform/shutdown.ts';
import { startTracing } from '../platform/start-tracing.ts';
import { untilReachable } from '../platform/until-reachable.ts';
import { createContextCipher } from '../security/context-cipher.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { dependencyStates, sharedCheck, statesOf } from '../services/dependency-states.ts';
import { getProjectionStates } from '../services/projections.ts';
import { workflowBundle } from '../temporal/bundle.ts';
import { openTemporal, reachTemporal } from '../temporal/client.ts';
import { activityFields } from '../temporal/log-fields.ts';
import { installRuntime } from '../temporal/runtime.ts';
import { ensureSchedules, maintainSchedules } from '../temporal/schedules.ts';
import { ensureSearchAttributes } from '../temporal/search-attributes.ts';
import { ensureRelay, followGateway, signalRecoveries } from '../temporal/workflow-client.ts';
import { temporalTracing } from '../temporal/tracing.ts';
import { createSweepClient } from '../temporal/sweep-client.ts';
import { connectWorkers, createQueueWorker, isTemporalAway, runWorkers } from '../temporal/worker.ts';
import { createPublishing } from './publishing.ts';
import { queueActivities, readQueues } from './queues.ts';
import { warmUp } from './warm-up/warm-up.ts';

/** A charge takes at most 45 seconds and must be allowed to end: otherwise its outcome would be unknown. */
const DRAIN_MS = 50_000;
/** Covers draining, and closing everything else. */
const GRACE_MS = 60_000;
/** Concurrent comparisons and their follow-ups; limited, because other queues use the same gateway and graph. */
const RECONCILIATION_CONCURRENCY = 4;
/** A Temporal that takes longer counts as unavailable. */
const TEMPORAL_TIMEOUT_MS = 5_000;
/** Together with the sweep's interval, the longest time until a lost recovery is restarted. */
const SCHEDULES_EVERY_MS = 3 * 60_000;

await main().catch(exitWithError);

async function main(): Promise<void> {
  const environment = readWorkerEnvironment(await decryptKmsKeys(process.env));
  const queues = readQueues(process.argv.slice(2), { hasKafka: environment.kafka !== undefined });
  const policy = readPolicy(environment.policyFile);
  const codecKeys = environment.codecKeys.reveal();
  const address = { ...environment.temporal, apiKey: environment.temporal.apiKey?.reveal() };
  const logger = createLogger({ process: 'worker', level: environment.logLevel });
  const runtime = await installRuntime(logger);
  const shutdown = createShutdown(logger, GRACE_MS);
  try {
    await startTracing(environment.traces, policy.traces, { logger, shutdown });
    const tracing = await temporalTracing();
    const metrics = createMetrics();
    const shared =
      environment.redisUrl &&
      openSharedContexts({
        url: environment.redisUrl.reveal(),
        maxStalenessMs: policy.context.maxStalenessMs,
        cipher: createContextCipher(createKeyRing(environment.keys.reveal())),
        ...observeSharedContexts(metrics.registry, logger),
      });
    if (shared) shutdown.add('redis', () => shared.close());

    const journal = openJournal(environment);
    const graph = openConfiguredGraph(environment, {
      readTimeoutMs: READ_MS,
      observer: observeGraph(metrics.registry, logger, {
        connections: MAX_CONNECTIONS,
        logContext: activityFields,
        onCommitted: ({ events }) => shared?.invalidate(contextChanges(events)),
      }),
    });
    shutdown.add('graph', () => graph.close());
    const disclosures = openDisclosureLog({
      write: (rows) => recordDisclosures(graph, rows),
      ...{ registry: metrics.registry, logger },
    });
    shutdown.add('disclosures', () => disclosures.close());
    const client = openTemporal({ ...address, codecKeys, interceptors: { workflow: tracing.client } });
    shutdown.add('temporal client', () => client.connection.close());

    const onLateMessage = createLateMessageCounter(metrics.registry);
    createErasureMetrics(metrics.registry, () =>
      countOverdueErasures(graph, Date.now() - policy.privacy.deadline),
    );
    createProjectionMetrics(metrics.registry, () => getProjectionStates(graph, policy));

    const runsRelay = queues.includes(TaskQueue.relay);
    const publishing =
      runsRelay && environment.kafka
        ? createPublishing(environment.kafka, {
            ...{ graph, policy, registry: metrics.registry },
            disclose: disclosures.disclose,
          })
        : undefined;

    // The relay tries again; what it fails for is named here, too, by every process that would publish.
    publishing?.dependencies
      .openEncoder()
      .catch((error: unknown) => logger.error({ err: error }, 'events are not published'));

    let phase: Phase = 'starting';
    let queueStates = (): Readiness['dependencies'] => ({});
    const serverStates = sharedCheck(async () => {
      const [states, publishingStates] = await Promise.all([
        dependencyStates({ graph, temporal: client }),
        statesOf(publishing?.checks ?? {}),
      ]);
      return { states, publishingStates };
    });
    const metricsServer = await serveMetrics(environment.metrics, {
      metrics: async () => `${await metrics.registry.metrics()}\n${await runtime.metrics()}`,
      readiness: async () => {
        const { states, publishingStates } = await serverStates();
        const needed = { ...states, ...queueStates() };
        // Without Kafka only publishing waits.
        return readinessOf({ ...needed, ...publishingStates }, phase, Object.keys(needed));
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
    const { signal } = shutdown;
    await untilReachable(prepare, { name: 'Neo4j', isAway: isGraphAway, logger, signal });

    const { stripe, notify } = environment;
    const account = { ...stripe, apiKey: stripe.apiKey.reveal() };
    const records = createStripeRecords(account);
    const gateway = createStripeGateway(account, observeGatewayBreaker(metrics.registry, logger));
    const notifier =
      notify.by === 'webhook'
        ? createWebhookNotifier({ url: notify.url, secret: notify.secret.reveal() })
        : createSmtpNotifier({ url: notify.url.reveal(), from: notify.from });
    const chimera = createChimeraClient({ address: environment.chimeraAddress });
    shutdown.add('chimera', () => chimera.close());

    const runsMaintenance = queues.includes(TaskQueue.maintenance);
    const tracedShare = policy.traces.sampleRatio;
    const prepareTemporal = async () => {
      await reachTemporal(address, () =>
        client.withDeadline(Date.now() + TEMPORAL_TIMEOUT_MS, () =>
          client.workflowService.describeNamespace({ namespace: address.namespace }),
        ),
      );
      await ensureSearchAttributes(client);
      if (runsMaintenance) await ensureSchedules(client, tracedShare);
      if (runsRelay) await ensureRelay(client);
      return connectWorkers(address);
    };
    const connection = await untilReachable(prepareTemporal, {
      ...{ name: 'Temporal', isAway: isTemporalAway, logger, signal },
    });
    shutdown.add('temporal connection', () => connection.close());
    if (runsMaintenance) {
      const stop = maintainSchedules(client, {
        ...{ everyMs: SCHEDULES_EVERY_MS, tracedShare },
        onFailure: (error) => logger.warn({ err: error }, 'schedules could not be checked'),
      });
      shutdown.add('schedules', stop);
    }

    if (runsRelay) {
      // Like the schedules: if Temporal loses its data, nothing else would start it again.
      const restart = () =>
        ensureRelay(client).catch((error: unknown) =>
          logger.warn({ err: error }, 'the relay could not be started'),
        );
      const timer = setInterval(() => void restart(), SCHEDULES_EVERY_MS);
      shutdown.add('relay', () => clearInterval(timer));
    }

    const activities = queueActivities({
      ...{ graph, records, policy },
      gateway: disclosingGateway(gateway, disclosures.disclose),
      notifier: disclosingNotifier(notifier, disclosures.disclose),
      chimera: disclosingChimera(chimera, disclosures.disclose),
      ...(journal && { journal }),
      ...(publishing && { publishing: publishing.dependencies }),
      signalRecoveries: (paymentIds, signal, payload) =>
        signalRecoveries(client, paymentIds, signal, payload),
      ...createSweepClient(client),
      countContestReminder: createContestMetrics(metrics.registry, () =>
        countOverdueContests(graph, Date.now() - policy.privacy.deadline),
      ),
      countCards: createExpiryMetrics(metrics.registry),
      countRemoved: createRetentionMetrics(metrics.registry, () => lastRetention(graph)),
      followChange: (customerId, change) =>
        followGateway(client, customerId, change, TaskQueue.reconciliation),
      now: Date.now,
      onErased: () => onLateMessage('signal'),
    });
    const [bundle] = await Promise.all([
      workflowBundle({ prebuiltOnly: process.env.NODE_ENV === 'production' }),
      // Optional: without it the first customers only wait longer.
      warmUp(graph, policy, queues).catch((error: unknown) => logger.warn({ err: error }, 'warm-up failed')),
    ]);
    const workers = await Promise.all(
      queues.map((queue) =>
        createQueueWorker({
          connection,
          namespace: address.namespace,
          queue,
          activities: activities[queue],
          bundle,
          codecKeys,
          activityInterceptors: tracing.activity,
          versioned: environment.workerVersioning,
          // The relay ends by itself only after minutes: it is asked to stop immediately, and completes its page.
          shutdownGraceTime: queue === TaskQueue.relay ? 0 : DRAIN_MS,
          ...(queue === TaskQueue.gateway
            ? { maxTaskQueueActivitiesPerSecond: policy.gateway.maxPerSecond }
            : {}),
          ...(queue === TaskQueue.reconciliation
            ? { maxConcurrentActivityTaskExecutions: RECONCILIATION_CONCURRENCY }
            : {}),
        }),
      ),
    );
    const running = runWorkers(workers);
    shutdown.add('workers', running.stop);
    queueStates = running.states;
    phase = 'running';
    shutdown.add('readiness', () => {
      phase = 'stopping';
    });
    running.failed.catch(async (error: unknown) => {
      logger.fatal({ err: error }, 'a worker failed: stopping');
      await shutdown.stopAll();
      process.exit(1);
    });
    logger.info({ queues, build_id: bundle.buildId, notices_by: notify.by }, 'polling');
    console.log(JSON.stringify({ ready: { queues, metrics: metricsServer.url } }));
  } catch (error) {
    // The shutdown has ended what the startup waited for, and exits by itself.
    if (shutdown.signal.aborted) return;
    await shutdown.stopAll();
    throw error;
  }
}
