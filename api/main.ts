/** The API process: REST, gRPC and metrics over one set of services. Composition root. */

import { createChimeraClient } from '../adapters/chimera/client.ts';
import { createModelClient } from '../adapters/model/client.ts';
import { createRetrievalClient } from '../adapters/model/retrieval.ts';
import { openJournal } from '../adapters/erasure-journal/open.ts';
import { openSharedContexts } from '../adapters/redis/shared-contexts.ts';
import { createStripeEvents } from '../adapters/stripe/events.ts';
import { contextChanges } from '../domain/context-changes.ts';
import {
  isGraphAway,
  MAX_CONNECTIONS,
  openConfiguredGraph,
  prepareGraph,
  READ_MS,
  recordDisclosures,
} from '../graph/index.ts';
import { observeAsking } from '../platform/asking-metrics.ts';
import { observeCatalogue } from '../platform/catalogue-metrics.ts';
import { createLateMessageCounter } from '../platform/erasure-metrics.ts';
import { applyJournal } from '../graph/erasure/index.ts';
import { createContextMetrics, observeSharedContexts } from '../platform/context-metrics.ts';
import { openDisclosureLog } from '../platform/disclosure-log.ts';
import { disclosingChimera } from '../platform/disclosing-ports.ts';
import { readApiEnvironment } from '../platform/environment.ts';
import { exitWithError } from '../platform/exit.ts';
import { decryptKmsKeys } from '../platform/kms-keys.ts';
import { observeGraph } from '../platform/graph-observer.ts';
import { observeGuards } from '../platform/guard-observer.ts';
import { createLogger } from '../platform/logs.ts';
import { createMetrics } from '../platform/metrics.ts';
import { readPolicy } from '../platform/policy.ts';
import { createShutdown } from '../platform/shutdown.ts';
import { startTracing } from '../platform/start-tracing.ts';
import { untilReachable } from '../platform/until-reachable.ts';
import { createContextCipher } from '../security/context-cipher.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { createCatalogueCache } from '../services/catalogue-cache.ts';
import { createContextCache } from '../services/context-cache.ts';
import { createDependencyGuards } from '../services/dependency-guards.ts';
import { createServices } from '../services/services.ts';
import { openTemporal, reachTemporal } from '../temporal/client.ts';
import { serveCodec } from '../temporal/codec-server.ts';
import { temporalTracing } from '../temporal/tracing.ts';
import { createObservers } from './requests.ts';
import { startServers } from './start.ts';

/** Longer than the servers' drain time. */
const GRACE_MS = 40_000;
/** A Temporal that takes longer counts as unavailable. */
const TEMPORAL_PROBE_TIMEOUT_MS = 5_000;

await main().catch(exitWithError);

async function main(): Promise<void> {
  const environment = readApiEnvironment(await decryptKmsKeys(process.env));
  const policy = readPolicy(environment.policyFile);
  const logger = createLogger({ process: 'api', level: environment.logLevel });
  const metrics = createMetrics();
  const shutdown = createShutdown(logger, GRACE_MS);
  try {
    await startTracing(environment.traces, policy.traces, { logger, shutdown });
    const tracing = await temporalTracing();
    const contextMetrics = createContextMetrics(metrics.registry);
    const cache = createContextCache(policy.context);
    const shared =
      environment.redisUrl &&
      openSharedContexts({
        url: environment.redisUrl.reveal(),
        maxStalenessMs: policy.context.maxStalenessMs,
        cipher: createContextCipher(createKeyRing(environment.keys.reveal())),
        ...observeSharedContexts(metrics.registry, logger),
      });
    if (shared) shutdown.add('redis', () => shared.close());
    shared?.subscribe(
      (changes) => {
        contextMetrics.onInvalidated('bus', changes.length);
        cache.invalidate(changes);
      },
      () => {
        logger.info('all cached contexts are discarded, as an operator has requested');
        cache.flush();
      },
    );

    const guards = createDependencyGuards(observeGuards(metrics.registry, logger));
    const journal = openJournal(environment);
    const graph = openConfiguredGraph(environment, {
      readTimeoutMs: READ_MS,
      guards: guards.graph,
      observer: observeGraph(metrics.registry, logger, {
        connections: MAX_CONNECTIONS,
        logContext: () => ({}),
        onCommitted({ events }) {
          const changes = contextChanges(events);
          contextMetrics.onInvalidated('own', changes.length);
          cache.invalidate(changes);
          shared?.invalidate(changes);
        },
      }),
    });
    shutdown.add('graph', () => graph.close());
    const disclosures = openDisclosureLog({
      write: (rows) => recordDisclosures(graph, rows),
      ...{ registry: metrics.registry, logger },
    });
    // After the servers: what they have answered is noted.
    shutdown.add('disclosures', () => disclosures.close());
    const codecKeys = environment.codecKeys.reveal();
    const address = { ...environment.temporal, apiKey: environment.temporal.apiKey?.reveal() };
    const interceptors = { workflow: [...tracing.client, ...guards.temporal.workflow] };
    const temporal = openTemporal({ ...address, codecKeys, interceptors });
    shutdown.add('temporal', () => temporal.connection.close());
    const gatewayEvents = createStripeEvents(environment.stripeWebhookSecret.reveal());
    const chimera = environment.chimeraAddress
      ? createChimeraClient({ address: environment.chimeraAddress })
      : undefined;
    // After the servers: the reports that they have sent may finish.
    if (chimera) shutdown.add('chimera', () => chimera.close());
    const catalogue = createCatalogueCache(graph, observeCatalogue(metrics.registry, logger));
    const { model, retrievalBase } = environment;
    const asking = {
      model: model && createModelClient({ ...model, apiKey: model.apiKey?.reveal() }),
      retrieval: retrievalBase === undefined ? undefined : createRetrievalClient(retrievalBase),
      ...observeAsking(metrics.registry, logger),
    };
    const services = createServices(
      {
        ...{ graph, temporal, policy, gatewayEvents, catalogue, asking },
        chimera: chimera && disclosingChimera(chimera, disclosures.disclose),
        ...(journal && { journal }),
        onLateMessage: createLateMessageCounter(metrics.registry),
      },
      { cache, shared, onRead: contextMetrics.onRead },
    );
    const observers = createObservers(logger, metrics, disclosures.disclose);
    const servers = await startServers({ ...environment, policy }, services, observers, shutdown);
    // Before the servers: callers that watch it would keep them open.
    shutdown.add('catalogue', async () => catalogue.close());
    const authorise = servers.authoriseDecoding;
    const codec =
      environment.codec && (await serveCodec({ ...environment.codec, keys: codecKeys, authorise, logger }));
    if (codec) shutdown.add('codec', () => codec.close());

    const prepare = async () => {
      await prepareGraph(graph, environment, (indexes) =>
        logger.info({ indexes }, 'waiting for indexes that a migration needs'),
      );
      await catalogue.refresh();
      // Before the first read from a graph that was restored.
      if (journal && graph.erasedIds)
        logger.info(await applyJournal(graph, journal), 'erasure journal applied');
    };
    const { signal } = shutdown;
    await untilReachable(prepare, { name: 'Neo4j', isAway: isGraphAway, logger, signal });
    // Reads do not need Temporal: an API that starts while Temporal is unavailable serves them.
    await reachTemporal(address, () =>
      temporal.withDeadline(Date.now() + TEMPORAL_PROBE_TIMEOUT_MS, () =>
        temporal.workflowService.describeNamespace({ namespace: address.namespace }),
      ),
    ).catch((error: unknown) =>
      logger.warn({ err: error }, 'temporal is unavailable: requests that need a process are not served'),
    );
    if (signal.aborted) return;
    catalogue.start();
    servers.setReady();
    if (environment.auth === undefined)
      logger.warn('PERSONA_INSECURE=1: plain text and no authentication; for this machine only');
    const ready = { ...servers.addresses, ...(codec && { codec: codec.url }) };
    console.log(JSON.stringify({ ready }));
  } catch (error) {
    // The shutdown has ended what the startup waited for, and exits by itself.
    if (shutdown.signal.aborted) return;
    await shutdown.stopAll();
    throw error;
  }
}
