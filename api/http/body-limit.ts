import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { PersonaError } from '../../domain/errors.ts';
import type { HttpEnv } from './env.ts';
import { problemResponse } from './problem.ts';

const KIB = 1_024;
const MAX_BYTES = 64 * KIB;
/** Of routes by name whose bodies are lists: so that a list of the greatest length fits. */
const MAX_BYTES_OF: Readonly<Record<string, number>> = { 'POST /personas/{name}/metrics': 256 * KIB };

const tooLarge = (maxBytes: number) =>
  new PersonaError('payload_too_large', `The body must not exceed ${maxBytes / KIB} KiB`);
const limitWhileReading = (maxSize: number) =>
  bodyLimit({ maxSize, onError: (c) => problemResponse(c, tooLarge(maxSize)) });

/**
 * Refuses longer bodies. Without touching the body where its length is known: that alone builds the whole `Request` of
 * the Fetch standard, which nothing else needs.
 */
export const limitBody = createMiddleware<HttpEnv>((c, next) => {
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return next();
  const maxBytes = MAX_BYTES_OF[c.get('route').name ?? ''] ?? MAX_BYTES;
  const length = c.req.header('content-length');
  if (length === undefined || c.req.header('transfer-encoding') !== undefined)
    return limitWhileReading(maxBytes)(c, next);
  if (Number(length) > maxBytes) throw tooLarge(maxBytes);
  return next();
});
