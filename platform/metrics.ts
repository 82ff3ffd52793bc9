/** Prometheus metrics of one process, and the server that exposes them. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { isReady, type Readiness } from './readiness.ts';

export interface Metrics {
  readonly registry: Registry;
  /** Seconds; `face` is `http` or `grpc`, `operation` a route or rpc, `code` the status. */
  readonly requestDuration: Histogram<'face' | 'operation' | 'code'>;
  /** Requests that were refused without being processed. */
  readonly requestsRefused: Counter<'reason'>;
  readonly requestsInProgress: Gauge;
}

/** A separate registry per call, so that tests can run the servers of several processes in one. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    requestDuration: new Histogram({
      name: 'persona_request_duration_seconds',
      help: 'Duration of requests, by route or RPC and status',
      labelNames: ['face', 'operation', 'code'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    }),
    requestsRefused: new Counter({
      name: 'persona_requests_refused_total',
      help: 'Requests refused without being processed, by reason',
      labelNames: ['reason'],
      registers: [registry],
    }),
    requestsInProgress: new Gauge({
      name: 'persona_requests_in_progress',
      help: 'Requests of REST and gRPC in progress, without probes',
      registers: [registry],
    }),
  };
}

interface Page {
  status: number;
  type: string;
  text: string;
}

/**
 * Serves `/metrics`, `/healthz` and `/readyz`: figures and states, no personal data.
 *
 * @param address.port 0: any free port
 * @param sources.metrics returns the text in Prometheus' format
 */
export async function serveMetrics(
  { host, port }: { host: string; port: number },
  sources: { metrics: () => Promise<string>; readiness: () => Promise<Readiness> },
): Promise<{ url: string; close(): Promise<void> }> {
  const pages: Readonly<Record<string, () => Promise<Page>>> = {
    '/metrics': async () => ({
      status: 200,
      type: Registry.PROMETHEUS_CONTENT_TYPE,
      text: await sources.metrics(),
    }),
    '/healthz': async () => json(200, { status: 'ok' }),
    '/readyz': async () => {
      const readiness = await sources.readiness();
      return json(isReady(readiness) ? 200 : 503, readiness);
    },
  };
  const server = createServer((request, response) => {
    const page = pages[request.url ?? ''];
    if (page === undefined) {
      response.writeHead(404).end();
      return;
    }
    page().then(
      ({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text),
      (error) => response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    url: urlOf(server.address() as AddressInfo),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The URL from this machine: a server that listens on all addresses is reachable on loopback. */
function urlOf({ address, port }: AddressInfo): string {
  const host = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`;
}

function json(status: number, body: object): Page {
  return { status, type: 'application/json', text: JSON.stringify(body) };
}
