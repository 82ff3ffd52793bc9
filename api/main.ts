/** The API process: REST, gRPC and metrics over one set of services. Composition root. */

import { createStripeEvents } from '../adapters/stripe/events.ts';
import { PersonaError } from '../domain/errors.ts';
import { MAX_CONNECTIONS, migrate, openGraph } from '../graph/index.ts';
import { EnvironmentError, readApiEnvironment } from '../platform/environment.ts';
import { observeGraph } from '../platform/graph-observer.ts';
import { createLogger } from '../platform/logs.ts';
import { createMetrics } from '../platform/metrics.ts';
import { PolicyError, readPolicy } from '../platform/policy.ts';
import { createShutdown } from '../platform/shutdown.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { createServices } from '../services/create.ts';
import { connectTemporal } from '../temporal/client.ts';
import { serveCodec } from '../temporal/codec-server.ts';
import { startServers } from './start.ts';

/** Longer than the servers' own drain. */
const GRACE_MS = 20_000;
/** `EX_CONFIG` of sysexits.h: nothing will change until somebody edits the configuration. */
const EXIT_CONFIGURATION = 78;

try {
  await main();
} catch (error) {
  // What a person can act on is one message; anything else is a bug, and shows where.
  const isClear =
    error instanceof EnvironmentError || error instanceof PolicyError || error instanceof PersonaError;
  console.error(isClear ? error.message : error);
  process.exit(error instanceof EnvironmentError || error instanceof PolicyError ? EXIT_CONFIGURATION : 1);
}

async function main(): Promise<void> {
  const environment = readApiEnvironment(process.env);
  const policy = readPolicy(environment.policyFile);
  const logger = createLogger({ process: 'api', level: environment.logLevel });
  const metrics = createMetrics();
  const shutdown = createShutdown(logger, GRACE_MS);
  try {
    const graph = openGraph({
      ...environment.neo4j,
      password: environment.neo4j.password.reveal(),
      keyRing: createKeyRing(environment.keys.reveal()),
      blindIndex: createBlindIndex(createKeyRing(environment.blindKeys.reveal())),
      observer: observeGraph(metrics.registry, logger, {
        connections: MAX_CONNECTIONS,
        around: () => ({}),
      }),
    });
    shutdown.add('graph', () => graph.close());
    await migrate(graph);

    const temporal = await connectTemporal({
      ...environment.temporal,
      apiKey: environment.temporal.apiKey?.reveal(),
      codecKeys: environment.codecKeys.reveal(),
    });
    shutdown.add('temporal', () => temporal.connection.close());

    const gatewayEvents = createStripeEvents(environment.stripeWebhookSecret.reveal());
    const services = createServices({ graph, temporal, policy, gatewayEvents }, (result) =>
      metrics.contextCache.inc({ result }),
    );
    const codec =
      environment.codec &&
      (await serveCodec({ ...environment.codec, keys: environment.codecKeys.reveal(), logger }));
    if (codec) shutdown.add('codec', () => codec.close());
    const servers = await startServers({ ...environment, policy }, services, { logger, metrics }, shutdown);
    const ready = { ...servers, ...(codec && { codec: codec.url }) };
    logger.warn('PERSONA_INSECURE=1: plain text, and nobody is asked who they are; for this machine only');
    console.log(JSON.stringify({ ready }));
  } catch (error) {
    await shutdown.now();
    throw error;
  }
}
