/**
 * Stands between Temporal's UI and the codec server of a development copy: this UI has no sign-in, and therefore no
 * token that it could pass on.
 */

import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { listen, type RunningHttpServer } from '../listen.ts';

export interface CodecProxyOptions {
  port: number;
  /** The URL of the codec server. */
  target: string;
  /** Those of Temporal's UI; other pages are refused. */
  origins: readonly string[];
  /** @returns an operator's access token */
  getToken(): Promise<string>;
}

/** Passes `POST /decode` on, with a token. */
export function startCodecProxy({
  port,
  target,
  origins,
  getToken,
}: CodecProxyOptions): Promise<RunningHttpServer> {
  const app = new Hono();
  app.use(async (c, next) => {
    const origin = c.req.header('origin');
    if (origin === undefined || origins.includes(origin)) return next();
    return c.json({ message: `origin ${origin} is not allowed` }, 403);
  });
  app.use(cors({ origin: [...origins], allowMethods: ['POST'] }));
  app.post('/decode', async (c) => {
    const answer = await fetch(`${target}/decode`, {
      method: 'POST',
      body: await c.req.text(),
      headers: {
        authorization: `Bearer ${await getToken()}`,
        'x-namespace': c.req.header('x-namespace') ?? '',
      },
    });
    return c.body(await answer.text(), answer.ok ? 200 : 502, { 'content-type': 'application/json' });
  });
  return listen(app.fetch, port);
}
