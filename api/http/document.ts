import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { isPublicRoute } from '../access/identity.ts';
import type { HttpEnv } from './env.ts';
import { ARRIVAL_MS } from './server.ts';

const ACCESS_TOKEN = 'access_token';

/** Of the HTTP server itself, before any route: without a problem document. */
const SERVER_RESPONSES = {
  408: { description: `The request did not arrive within ${ARRIVAL_MS / 1_000} seconds. No body` },
  431: { description: 'The headers are larger than 16 KiB. No body' },
};

const EVERY_RESPONSE = {
  'X-Request-Id': z.string().openapi({ description: "The caller's own, or a new one; in Persona's logs" }),
  traceparent: z.string().openapi({ description: 'W3C trace context' }),
};
/** Optional: a caller without a limit gets none, nor does a request that is refused before it is counted. */
const rateLimit = (description: string) => z.string().optional().openapi({ description, example: '60' });
const COUNTED_RESPONSE = {
  'RateLimit-Limit': rateLimit('Requests per minute'),
  'RateLimit-Remaining': rateLimit('Requests left in this minute'),
  'RateLimit-Reset': rateLimit('Seconds until the next minute begins'),
};
/** Sent before a request is counted. */
const UNCOUNTED_STATUSES = ['401', '405'];

/** Adds to the OpenAPI document what holds for every route: how callers prove who they are, and the server's own responses. */
export function describeEveryRoute(registry: OpenAPIHono<HttpEnv>['openAPIRegistry']): void {
  registry.registerComponent('securitySchemes', ACCESS_TOKEN, {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token of the configured issuer: of a customer, or of a service with a scope',
  });
  for (const definition of registry.definitions) {
    if (definition.type !== 'route') continue;
    const { route } = definition;
    const isPublic = isPublicRoute(`${route.method.toUpperCase()} ${route.path}`);
    route.security = isPublic ? [] : [{ [ACCESS_TOKEN]: [] }];
    const isCounted = !isPublic || route.path.startsWith('/webhooks/');
    const described = Object.entries(route.responses).map(([status, response]) => {
      const { headers = z.object({}) } = response as { headers?: z.ZodObject };
      const added = {
        ...EVERY_RESPONSE,
        ...(isCounted && !UNCOUNTED_STATUSES.includes(status) && COUNTED_RESPONSE),
      };
      return [status, { ...response, headers: headers.extend(added) }];
    });
    route.responses = { ...Object.fromEntries(described), ...SERVER_RESPONSES };
  }
}
