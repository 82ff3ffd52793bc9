import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { PersonaError } from '../../domain/errors.ts';
import type { HttpEnv } from './env.ts';
import { problemResponse } from './problem.ts';

const MAX_BYTES = 64 * 1_024;

const tooLarge = () => new PersonaError('payload_too_large', 'The body must not exceed 64 KiB');
const limitWhileReading = bodyLimit({ maxSize: MAX_BYTES, onError: (c) => problemResponse(c, tooLarge()) });

/**
 * Refuses longer bodies. Without touching the body where its length is known: that alone builds the whole `Request` of
 * the Fetch standard, which nothing else needs.
 */
export const limitBody = createMiddleware<HttpEnv>((c, next) => {
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return next();
  const length = c.req.header('content-length');
  if (length === undefined || c.req.header('transfer-encoding') !== undefined)
    return limitWhileReading(c, next);
  if (Number(length) > MAX_BYTES) throw tooLarge();
  return next();
});
