/** Starts the API's servers on given services, for the process and for in-process tests. */

import type { Policy } from '../domain/policy.ts';
import { REQUIRED_DEPENDENCIES } from '../services/dependency-states.ts';
import type { Services } from '../services/services.ts';
import { serveMetrics } from '../platform/metrics.ts';
import { readinessOf } from '../platform/readiness.ts';
import type { ApiEnvironment } from '../platform/environment.ts';
import type { Shutdown } from '../platform/shutdown.ts';
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

/** @param shutdown gets the steps that stop the servers, the first of which reports the process as not ready */
export async function startServers(
  environment: Pick<ApiEnvironment, 'http' | 'grpc' | 'metrics' | 'rateLimits'> & { policy: Policy },
  services: Services,
  observers: Observers,
  shutdown: Pick<Shutdown, 'add'>,
): Promise<ApiAddresses> {
  const { registry } = observers.metrics;
  let stopping = false;
  const metrics = await serveMetrics(environment.metrics, {
    metrics: () => registry.metrics(),
    readiness: async () =>
      readinessOf(await services.dependencyStates(), stopping, REQUIRED_DEPENDENCIES.reads),
  });
  shutdown.add('metrics', () => metrics.close());

  const http = await serveHttp(
    environment.http,
    createApp(services, observers, { ...environment, isStopping: () => stopping }),
  );
  shutdown.add('http', () => http.close());

  const grpc = await serveGrpc(environment.grpc, services, observers);
  shutdown.add('grpc', () => grpc.close());

  shutdown.add('readiness', () => {
    stopping = true;
    grpc.setNotServing();
  });
  return { http: http.url, grpc: grpc.address, metrics: metrics.url };
}
