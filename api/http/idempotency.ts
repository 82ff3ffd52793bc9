/** The Idempotency-Key of a POST whose body has no id of its own. */

import { z } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import { PersonaError } from '../../domain/errors.ts';
import { readIdempotencyKey } from '../requests.ts';
import type { HttpEnv } from './env.ts';

const NAME = 'Idempotency-Key';

/** Asked for before the body is: a request that may not be repeated safely is refused for that alone, whatever it says. */
export const requireIdempotencyKey = createMiddleware<HttpEnv>(async (c, next) => {
  if (readIdempotencyKey(c.req.header(NAME), NAME) === undefined)
    throw new PersonaError('idempotency_key_required', `Send an ${NAME} header with every POST`, {
      problems: [{ field: NAME, message: 'is required' }],
    });
  await next();
});

/** For the document; the middleware has checked it. */
export const idempotencyHeaders = z.object({
  'idempotency-key': z.string().openapi({
    description: 'The same key again gets the first answer',
    param: { name: 'idempotency-key', in: 'header', required: true },
  }),
});
