/** A body that may be absent. */

import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from './env.ts';

/** Many clients send `Content-Type: application/json` with every request: without a body it is an empty object. */
export const allowNoBody = createMiddleware<HttpEnv>(async (c, next) => {
  if ((await c.req.text()) === '') c.req.json = async <T>() => ({}) as T;
  await next();
});
