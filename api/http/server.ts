import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';

/** How long running requests may take to finish when the server stops. */
const DRAIN_MS = 10_000;

export interface HttpServer {
  /** Without a trailing slash. */
  url: string;
  /** Refuses new requests, lets running ones finish. */
  close(): Promise<void>;
}

/**
 * Serves an app in plain text. Callers are not authenticated yet, so the caller of this function must ensure that `host`
 * is a loopback address.
 *
 * @param port 0: any free port
 */
export async function serveHttp(
  { host, port }: { host: string; port: number },
  app: { fetch: (request: Request) => Response | Promise<Response> },
): Promise<HttpServer> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const authority = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${authority}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
        server.close(() => {
          clearTimeout(force);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}
