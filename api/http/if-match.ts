/** `If-Match`: the version of a resource that a PUT, PATCH or DELETE applies to. */

import { z } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import { PersonaError, validationError } from '../../domain/errors.ts';
import { IDEMPOTENCY_KEY, readIdempotencyKey } from '../requests.ts';
import type { HttpEnv } from './env.ts';

const NAME = 'If-Match';
const STRONG_ETAG = /^"(\d{1,15})"$/;

/** Checked before the body. An Idempotency-Key may be sent as well. */
export const requireIfMatch = createMiddleware<HttpEnv>(async (c, next) => {
  if (c.req.header(NAME) === undefined)
    throw new PersonaError(
      'version_required',
      `The ${NAME} header with the ETag of the resource is required`,
      {
        problems: [{ field: NAME, message: 'is required' }],
      },
    );
  readIdempotencyKey(c.req.header('Idempotency-Key'), 'Idempotency-Key');
  await next();
});

const NONE_MATCH = 'If-None-Match';

/** The same for a PUT that may also add the resource, with `If-None-Match: *`. */
export const requireCondition = createMiddleware<HttpEnv>(async (c, next) => {
  if (c.req.header(NONE_MATCH) === undefined) return requireIfMatch(c, next);
  if (c.req.header(NAME) !== undefined || c.req.header(NONE_MATCH)?.trim() !== '*')
    throw validationError([{ field: NONE_MATCH, message: `must be *, and sent without ${NAME}` }]);
  readIdempotencyKey(c.req.header('Idempotency-Key'), 'Idempotency-Key');
  await next();
});

/** For the OpenAPI document; validated by the middleware. */
export const ifMatchHeaders = z.object({
  'if-match': z.string().openapi({
    description: 'The ETag that was read; `*`: any version',
    pattern: String.raw`^(\*|"\d{1,15}")$`,
    example: '"7"',
    param: { name: 'if-match', in: 'header', required: true },
  }),
  'idempotency-key': z
    .string()
    .optional()
    .openapi({
      description: 'Absent: the same change of the same version is the same request',
      pattern: IDEMPOTENCY_KEY.source,
      param: { name: 'idempotency-key', in: 'header' },
    }),
});

/** For the OpenAPI document; validated by the middleware. */
export const conditionHeaders = ifMatchHeaders.extend({
  'if-match': z
    .string()
    .optional()
    .openapi({
      description: 'The ETag that was read; `*`: any version. Required without If-None-Match',
      pattern: String.raw`^(\*|"\d{1,15}")$`,
      example: '"7"',
      param: { name: 'if-match', in: 'header' },
    }),
  'if-none-match': z
    .string()
    .optional()
    .openapi({
      description: '`*`: only if there is no such resource yet',
      pattern: String.raw`^\*$`,
      param: { name: 'if-none-match', in: 'header' },
    }),
});

/** What a PUT that may add the resource applies to. `expected_version`: 0: none; absent: any. @throws PersonaError stale_version */
export function conditionOf(headers: z.infer<typeof conditionHeaders>): {
  expected_version?: number;
  may_create: boolean;
} {
  const ifMatch = headers['if-match'];
  if (ifMatch === undefined) return { expected_version: 0, may_create: true };
  const expected_version = versionOf(ifMatch);
  return { ...(expected_version !== undefined && { expected_version }), may_create: false };
}

/**
 * The version in an `If-Match`; `undefined` for `*`, any version.
 * @throws PersonaError stale_version: an ETag that Persona never issues (weak, or several) matches no version
 */
export function versionOf(ifMatch: string): number | undefined {
  const value = ifMatch.trim();
  if (value === '*') return undefined;
  const [, version] = STRONG_ETAG.exec(value) ?? [];
  if (version === undefined)
    throw new PersonaError('stale_version', `${NAME} must be a single ETag that was read, such as "7"`);
  return Number(version);
}
