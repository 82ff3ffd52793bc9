/** The Idempotency-Key of a POST whose body has no id. */

import { z } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import { PersonaError } from '../../domain/errors.ts';
import { IDEMPOTENCY_KEY, readIdempotencyKey } from '../requests.ts';
import type { HttpEnv } from './env.ts';

const NAME = 'Idempotency-Key';

/** Checked before the body: a request that cannot be repeated safely is refused regardless of its content. */
export const requireIdempotencyKey = createMiddleware<HttpEnv>(async (c, next) => {
  if (readIdempotencyKey(c.req.header(NAME), NAME) === undefined)
    throw new PersonaError('idempotency_key_required', `The ${NAME} header is required for this POST`, {
      problems: [{ field: NAME, message: 'is required' }],
    });
  await next();
});

/** For the OpenAPI document, of a POST whose body has an id. */
export const optionalIdempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .openapi({
      description: 'Accepted, and without effect: the id in the body is the key',
      param: { name: 'idempotency-key', in: 'header' },
    }),
});

/** For the OpenAPI document; validated by the middleware. */
export const idempotencyHeaders = z.object({
  'idempotency-key': z.string().openapi({
    description: 'A repeat with the same key gets the first response',
    pattern: IDEMPOTENCY_KEY.source,
    param: { name: 'idempotency-key', in: 'header', required: true },
  }),
});
