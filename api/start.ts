/** Starts the API's servers on given services. */

import type { Policy } from '../domain/policy.ts';
import { REQUIRED_DEPENDENCIES } from '../services/dependency-states.ts';
import type { Services } from '../services/services.ts';
import { watchEventLoop } from '../platform/event-loop-delay.ts';
import { serveMetrics } from '../platform/metrics.ts';
import { type Phase, readinessOf } from '../platform/readiness.ts';
import type { ApiEnvironment } from '../platform/environment.ts';
import type { Shutdown } from '../platform/shutdown.ts';
import { createAdmission } from './admission.ts';
import { serveGrpc } from './grpc/server.ts';
import { createApp } from './http/app.ts';
import { serveHttp } from './http/server.ts';
import type { Observers } from './requests.ts';

/** The addresses of the servers: two URLs, and `host:port` of gRPC. */
export interface ApiAddresses {
  http: string;
  grpc: string;
  metrics: string;
}

/**
 * The servers listen at once and answer probes, but refuse requests until `setReady`.
 *
 * @param shutdown gets the steps that stop the servers, the first of which reports the process as not ready
 */
export async function startServers(
  environment: Pick<ApiEnvironment, 'http' | 'grpc' | 'metrics' | 'rateLimits'> & { policy: Policy },
  services: Services,
  observers: Observers,
  shutdown: Pick<Shutdown, 'add'>,
): Promise<{ addresses: ApiAddresses; setReady(): void }> {
  const { registry } = observers.metrics;
  let phase: Phase = 'starting';
  let isStarted = false;
  const metrics = await serveMetrics(environment.metrics, {
    metrics: () => registry.metrics(),
    readiness: async () => readinessOf(await services.dependencyStates(), phase, REQUIRED_DEPENDENCIES.reads),
  });
  shutdown.add('metrics', () => metrics.close());

  const eventLoop = watchEventLoop();
  shutdown.add('event loop', eventLoop.stop);
  const admission = createAdmission(observers.metrics, {
    rateLimits: environment.rateLimits,
    isStarted: () => isStarted,
    eventLoopDelayMs: eventLoop.delayMs,
  });
  const app = createApp(services, observers, { ...environment, admission, phase: () => phase });
  const http = await serveHttp(environment.http, app);
  shutdown.add('http', () => http.close());
  const grpc = await serveGrpc(environment.grpc, services, observers, admission);
  // Together: while one of them finished its requests, the other would accept more.
  shutdown.add('servers', async () => {
    await Promise.all([http.close(), grpc.close()]);
  });

  shutdown.add('readiness', () => {
    phase = 'stopping';
    grpc.setNotServing();
  });
  return {
    addresses: { http: http.url, grpc: grpc.address, metrics: metrics.url },
    setReady() {
      phase = 'running';
      isStarted = true;
      grpc.setServing();
    },
  };
}
