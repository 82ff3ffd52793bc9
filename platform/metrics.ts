/** Prometheus metrics of one process, and the server that shows them. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  /** Seconds; `face` is `http` or `grpc`, `operation` a route or rpc, `code` the status. */
  readonly requestDuration: Histogram<'face' | 'operation' | 'code'>;
  /** `result`: `hit`, `miss` or `bypass` (a strong read). */
  readonly contextCache: Counter<'result'>;
}

/** A registry of its own per call, so that tests may run several processes' worth of servers in one. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    requestDuration: new Histogram({
      name: 'persona_request_duration_seconds',
      help: 'How long requests took, by route or rpc and status',
      labelNames: ['face', 'operation', 'code'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    }),
    contextCache: new Counter({
      name: 'persona_context_cache_total',
      help: 'Reads of customer contexts by what the cache did',
      labelNames: ['result'],
      registers: [registry],
    }),
  };
}

/**
 * Serves `/metrics` on loopback.
 *
 * @param port 0 takes any free one
 * @param collect gives the text in Prometheus' format
 */
export async function serveMetrics(
  port: number,
  collect: () => Promise<string>,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    collect().then(
      (text) => response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(text),
      (error) => response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
