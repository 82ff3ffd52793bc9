/** Serves a simulator's routes on 127.0.0.1. */

import { type HttpBindings, serve } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';

/** Environment of the simulators' Hono apps. */
export interface HttpEnv {
  Bindings: HttpBindings;
}

export interface RunningHttpServer {
  url: string;
  /** Closes immediately, including open connections. */
  close: () => Promise<void>;
}

/** `port` 0 or absent: any free one. */
export async function listen(
  fetch: Parameters<typeof serve>[0]['fetch'],
  port: number | undefined,
): Promise<RunningHttpServer> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = serve(
    // Does not replace the global Request and Response: tests run simulators in their own process.
    { fetch, hostname: '127.0.0.1', port: port ?? 0, overrideGlobalObjects: false },
    (info) => resolve(info.port),
  );
  server.once('error', reject);
  const url = `http://127.0.0.1:${await promise}`;
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      if ('closeAllConnections' in server) server.closeAllConnections();
    });
  return { url, close };
}

/** Closes the connection without a response. */
export function dropConnection(c: Context<HttpEnv>): Response {
  c.env.incoming.socket.resetAndDestroy();
  return RESPONSE_ALREADY_SENT;
}
