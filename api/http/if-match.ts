/** `If-Match`: which version of a resource a PUT, PATCH or DELETE is meant for. */

import { z } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import { PersonaError } from '../../domain/errors.ts';
import { readIdempotencyKey } from '../requests.ts';
import type { HttpEnv } from './env.ts';

const NAME = 'If-Match';
const STRONG_ETAG = /^"(\d{1,15})"$/;

/** Asked for before the body is. An Idempotency-Key may be sent as well. */
export const requireIfMatch = createMiddleware<HttpEnv>(async (c, next) => {
  if (c.req.header(NAME) === undefined)
    throw new PersonaError('version_required', `Send the ETag of what is to change as ${NAME}`, {
      problems: [{ field: NAME, message: 'is required' }],
    });
  readIdempotencyKey(c.req.header('Idempotency-Key'), 'Idempotency-Key');
  await next();
});

/** For the document; the middleware has checked it. */
export const ifMatchHeaders = z.object({
  'if-match': z.string().openapi({
    description: 'The ETag as it was read; `*`: whatever the version is now',
    example: '"7"',
    param: { name: 'if-match', in: 'header', required: true },
  }),
  'idempotency-key': z
    .string()
    .optional()
    .openapi({
      description: 'Absent: the same change of the same version is the same request',
      param: { name: 'idempotency-key', in: 'header' },
    }),
});

/**
 * The version that an `If-Match` names; `undefined` for `*`, any version.
 * @throws PersonaError stale_version: an ETag that Persona gives to nothing (weak, or several) matches no version
 */
export function versionOf(ifMatch: string): number | undefined {
  const value = ifMatch.trim();
  if (value === '*') return undefined;
  const [, version] = STRONG_ETAG.exec(value) ?? [];
  if (version === undefined)
    throw new PersonaError('stale_version', `${NAME} must be one ETag as it was read, like "7"`);
  return Number(version);
}
