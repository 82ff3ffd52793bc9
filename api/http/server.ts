import type { Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { TlsMaterial, TlsWatch } from '../../platform/tls-files.ts';
import { MAX_WAIT_MS } from '../requests.ts';

/** A request must have arrived by then, headers and body: a connection that sends slowly occupies a place. */
export const ARRIVAL_MS = 10_000;
/** How often that is checked. */
const ARRIVAL_CHECK_MS = 1_000;
/** Callers keep idle connections and send their next request, whose response says that the connection ends. */
const IDLE_GRACE_MS = 1_000;
/** How long running requests may take to finish when the server stops: each of them has ended by then. */
const DRAIN_MS = MAX_WAIT_MS + 1_000;

export interface HttpServer {
  /** Without a trailing slash. */
  url: string;
  /**
   * Refuses new connections and lets running requests finish. A request on a connection that is already open is still
   * answered, and its connection then closed: closing it earlier could cut off a request on its way.
   */
  close(): Promise<void>;
}

/**
 * Serves an app.
 *
 * @param address.tls absent: plain text, for a loopback address only
 * @param address.port 0: any free port
 */
export async function serveHttp(
  { host, port, tls }: { host: string; port: number; tls?: TlsWatch },
  app: { fetch: (request: Request) => Response | Promise<Response> },
): Promise<HttpServer> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    ...(tls && { createServer: createSecureServer }),
    serverOptions: {
      headersTimeout: ARRIVAL_MS,
      requestTimeout: ARRIVAL_MS,
      connectionsCheckingInterval: ARRIVAL_CHECK_MS,
      ...(tls && { handshakeTimeout: ARRIVAL_MS, ...certificateOf(tls.current()) }),
    },
  }) as Server;
  tls?.onChange((material) => (server as SecureServer).setSecureContext(certificateOf(material)));
  const responses = new Set<ServerResponse>();
  let isClosing = false;
  server.prependListener('request', (_, response: ServerResponse) => {
    if (isClosing) closeConnectionAfter(response);
    responses.add(response);
    response.once('close', () => responses.delete(response));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const authority = host.includes(':') ? `[${host}]` : host;
  let closed: Promise<void> | undefined;
  return {
    url: `${tls ? 'https' : 'http'}://${authority}:${(server.address() as AddressInfo).port}`,
    close() {
      closed ??= new Promise((resolve) => {
        isClosing = true;
        for (const response of responses) closeConnectionAfter(response);
        const idle = setTimeout(() => server.closeIdleConnections(), IDLE_GRACE_MS);
        const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
        // Not the HTTP server's own `close`, which closes idle connections at once.
        NetServer.prototype.close.call(server, () => {
          clearTimeout(idle);
          clearTimeout(force);
          // Ends its checks of arrivals.
          server.close();
          resolve();
        });
      });
      return closed;
    },
  };
}

function closeConnectionAfter(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
}

function certificateOf({ cert, key }: TlsMaterial): { cert: Buffer; key: Buffer } {
  return { cert, key };
}
