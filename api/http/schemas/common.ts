import { z } from '@hono/zod-openapi';
import { ERRORS, type ErrorType } from '../../../domain/errors.ts';
import { MAX_PAGE } from '../../../services/pages.ts';
import { uuid } from './domain-rules.ts';

const problemSchema = z
  .object({
    type: z.string().openapi({ example: 'urn:persona:error:invalid_argument' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().openapi({ description: 'The request id' }),
    errors: z
      .array(z.object({ pointer: z.string().openapi({ example: '#/amount' }), message: z.string() }))
      .optional(),
  })
  .openapi('Problem');

/** The errors that any route may return. */
const COMMON_ERRORS: readonly ErrorType[] = ['method_not_allowed', 'internal', 'deadline_exceeded'];
/** Of a route that limits count, and that reads the graph. */
const COUNTED_ERRORS: readonly ErrorType[] = ['rate_limited', 'overloaded', 'graph_unavailable'];
/** How a caller proves who calls; `open`: not at all, and limits do not count the request either. */
type Access = 'token' | 'signature' | 'open';
const ACCESS_ERRORS: Readonly<Record<Access, readonly ErrorType[]>> = {
  token: [
    ...COUNTED_ERRORS,
    'unauthenticated',
    'issuer_unavailable',
    // A service may not call the route; a customer who may not gets the same answer as for an unknown id.
    'permission_denied',
    'not_found',
  ],
  signature: COUNTED_ERRORS,
  open: [],
};
const BODY_ERRORS: readonly ErrorType[] = [
  'malformed_request',
  'payload_too_large',
  'unsupported_media_type',
  'invalid_argument',
];

/** The documented error responses of a route: its own, and those of every route with the same access. */
export function errorResponses(
  routeErrors: readonly ErrorType[],
  { access = 'token', body = false }: { access?: Access; body?: boolean } = {},
) {
  const types = [...routeErrors, ...(body ? BODY_ERRORS : []), ...ACCESS_ERRORS[access], ...COMMON_ERRORS];
  const statuses = [...new Set(types.map((type) => ERRORS[type].http))].sort();
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: [...new Set(types)]
          .filter((type) => ERRORS[type].http === status)
          .map((type) => ERRORS[type].title)
          .join('; '),
        content: { 'application/problem+json': { schema: problemSchema } },
        ...headersOf(
          status,
          types.some((type) => ERRORS[type].http === status && ERRORS[type].retryable),
        ),
      },
    ]),
  );
}

const allow = z.object({ Allow: z.string().openapi({ description: 'The methods of the resource' }) });
const authenticate = z.object({ 'WWW-Authenticate': z.string().openapi({ example: 'Bearer' }) });
const retryAfter = z.object({
  'Retry-After': z.string().optional().openapi({ description: 'Seconds', example: '1' }),
});

function headersOf(status: number, isRetryable: boolean): { headers?: z.ZodObject } {
  if (status === 401) return { headers: authenticate };
  if (status === 405) return { headers: allow };
  return isRetryable ? { headers: retryAfter } : {};
}

/** A JSON response. */
export function jsonResponse<T extends z.ZodType>(schema: T, description: string, headers?: z.ZodObject) {
  return { description, content: { 'application/json': { schema } }, ...(headers && { headers }) };
}

export function pageSchema<T extends z.ZodType>(item: T, name: string) {
  return z
    .object({
      items: z.array(item),
      next_cursor: z.string().nullable().openapi({ description: 'null on the last page' }),
    })
    .openapi(name);
}

export const customerParams = z.object({
  customer_id: uuid
    .transform((id) => id.toLowerCase())
    .openapi({ param: { name: 'customer_id', in: 'path' } }),
});
/** A query parameter with our own error messages. */
export const queryText = () => z.string({ error: 'must be given once' });
export const pageQuery = z.object({
  limit: queryText()
    .regex(/^-?\d{1,9}$/, 'must be an integer')
    .transform(Number)
    .pipe(z.number().min(1, 'must be at least 1').max(MAX_PAGE, `must be at most ${MAX_PAGE}`))
    .default(MAX_PAGE)
    .openapi({ type: 'integer', minimum: 1, maximum: MAX_PAGE }),
  cursor: queryText().optional().openapi({ description: 'The next_cursor of the previous page' }),
});
export const etag = z.object({
  ETag: z.string().openapi({ description: 'The changed_seq of the resource', example: '"7"' }),
});
