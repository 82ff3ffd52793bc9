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
  /** Ends at once, whoever is still connected. */
  close: () => Promise<void>;
}

/** `port` 0 or absent: any free one. */
export async function listen(
  fetch: Parameters<typeof serve>[0]['fetch'],
  port: number | undefined,
): Promise<RunningHttpServer> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = serve(
    // The process's own Request and Response stay as they are: tests run simulators inside of theirs.
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

/** Cuts the connection instead of answering. */
export function dropConnection(c: Context<HttpEnv>): Response {
  c.env.incoming.socket.resetAndDestroy();
  return RESPONSE_ALREADY_SENT;
}
