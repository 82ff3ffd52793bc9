/** Starts the API's servers on given services. */

import type { Policy } from '../domain/policy.ts';
import { REQUIRED_DEPENDENCIES } from '../services/dependency-states.ts';
import type { Services } from '../services/services.ts';
import { watchEventLoop } from '../platform/event-loop-delay.ts';
import { observeAccess } from '../platform/access-metrics.ts';
import { serveMetrics } from '../platform/metrics.ts';
import { type TlsFiles, type TlsWatch, watchTlsFiles } from '../platform/tls-files.ts';
import { type Phase, readinessOf } from '../platform/readiness.ts';
import type { ApiEnvironment } from '../platform/environment.ts';
import type { Shutdown } from '../platform/shutdown.ts';
import { createAuthentication, insecureAuthentication } from './access/authenticate.ts';
import { authoriseDecoding } from './access/identity.ts';
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

export interface ApiServers {
  addresses: ApiAddresses;
  /** For the codec server: by a request's `authorization`. @throws PersonaError if the caller may not read payloads */
  authoriseDecoding(authorization: string | undefined): Promise<void>;
  setReady(): void;
}

/**
 * The servers listen at once and answer probes, but refuse requests until `setReady`.
 *
 * @param shutdown gets the steps that stop the servers, the first of which reports the process as not ready
 */
export async function startServers(
  environment: Pick<ApiEnvironment, 'http' | 'grpc' | 'metrics' | 'rateLimits' | 'auth'> & { policy: Policy },
  services: Services,
  observers: Observers,
  shutdown: Pick<Shutdown, 'add'>,
): Promise<ApiServers> {
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
  const observer = observeAccess(registry, observers.logger);
  const authentication = environment.auth
    ? createAuthentication(environment.auth, {
        onUnavailable: observer.onIssuerUnavailable,
        begin: admission.beginVerification,
      })
    : insecureAuthentication;
  shutdown.add('authentication', () => authentication.close());
  const watch = (face: 'http' | 'grpc', files: TlsFiles | undefined): TlsWatch | undefined => {
    if (files === undefined) return undefined;
    const tls = watchTlsFiles(files, observer.onInvalidCertificate);
    shutdown.add('certificates', () => tls.close());
    observer.watchExpiry(face, tls);
    return tls;
  };
  const access = { admission, authentication };
  const app = createApp(services, observers, { ...environment, ...access, phase: () => phase });
  const http = await serveHttp({ ...environment.http, tls: watch('http', environment.http.tls) }, app);
  shutdown.add('http', () => http.close());
  const grpcAddress = { ...environment.grpc, tls: watch('grpc', environment.grpc.tls) };
  const grpc = await serveGrpc(grpcAddress, services, observers, access);
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
    authoriseDecoding: async (authorization) =>
      authoriseDecoding(await authentication.rest(authorization, undefined)),
    setReady() {
      phase = 'running';
      isStarted = true;
      grpc.setServing();
    },
  };
}
