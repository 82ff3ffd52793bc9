import type { OpenAPIHono } from '@hono/zod-openapi';
import { isPublicRoute } from '../access/identity.ts';
import type { HttpEnv } from './env.ts';
import { ARRIVAL_MS } from './server.ts';

const ACCESS_TOKEN = 'access_token';

/** Of the HTTP server itself, before any route: without a problem document. */
const SERVER_RESPONSES = {
  408: { description: `The request did not arrive within ${ARRIVAL_MS / 1_000} seconds. No body` },
  431: { description: 'The headers are larger than 16 KiB. No body' },
};

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
    route.responses = { ...route.responses, ...SERVER_RESPONSES };
  }
}
