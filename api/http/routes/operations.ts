/** Liveness, readiness and API documentation. */

import { readFile } from 'node:fs/promises';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { isReady, type Phase, readinessOf } from '../../../platform/readiness.ts';
import { REQUIRED_DEPENDENCIES } from '../../../services/dependency-states.ts';
import { EXPORT_SCHEMA } from '../../../services/export-customer.ts';
import type { Services } from '../../../services/services.ts';
import type { HttpEnv } from '../env.ts';
import { respond } from '../respond.ts';
import { errorResponses, jsonResponse } from '../schemas/common.ts';
import { exportJsonSchema } from '../schemas/export.ts';

const health = createRoute({
  method: 'get',
  path: '/healthz',
  tags: ['operations'],
  summary: 'Liveness of the process',
  responses: {
    200: jsonResponse(z.object({ status: z.literal('ok') }), 'The process is alive'),
    ...errorResponses([], { access: 'open' }),
  },
});

const readiness = z
  .object({
    status: z.enum(['starting', 'ready', 'degraded', 'unavailable', 'stopping']),
    dependencies: z.record(z.string(), z.enum(['up', 'down'])),
  })
  .openapi('Readiness');
/** For load balancers that route requests by role. */
const roleName = z.enum(['reads', 'processes']).openapi({
  description:
    'The role to check. `reads`: requests served from the graph; `processes`: requests that start or signal a process',
});
const ready = createRoute({
  method: 'get',
  path: '/readyz',
  tags: ['operations'],
  summary: 'Readiness of the process, with the state of each dependency',
  request: { query: z.object({ role: roleName.default('reads') }) },
  responses: {
    200: jsonResponse(
      readiness,
      'Ready; `degraded`: except for requests that need a dependency that is `down`',
    ),
    503: jsonResponse(readiness, 'Not ready'),
    ...errorResponses(['invalid_argument'], { access: 'open' }),
  },
});

/** Served from the package, so that the page also works without internet access. */
const ASSETS = {
  'swagger-ui.css': { type: 'text/css', file: import.meta.resolve('swagger-ui-dist/swagger-ui.css') },
  'swagger-ui-bundle.js': {
    type: 'text/javascript',
    file: import.meta.resolve('swagger-ui-dist/swagger-ui-bundle.js'),
  },
};
const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Persona API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;
const DOCS_SCRIPT = "SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true });\n";

export function operationRoutes(app: OpenAPIHono<HttpEnv>, services: Services, phase: () => Phase): void {
  app.openapi(health, (c) => respond(c, { status: 'ok' as const }, 200));

  app.openapi(ready, async (c) => {
    const { role } = c.req.valid('query');
    const readiness = readinessOf(await services.dependencyStates(), phase(), REQUIRED_DEPENDENCIES[role]);
    return respond(c, readiness, isReady(readiness) ? 200 : 503);
  });

  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'Persona',
      version: '1.0.0',
      description: 'The customer memory of a payment ecosystem. Errors are problem documents (RFC 9457).',
    },
  });

  app.get(EXPORT_SCHEMA, (c) =>
    c.body(JSON.stringify(exportJsonSchema), 200, { 'content-type': 'application/schema+json' }),
  );

  app.get('/docs', (c) => c.html(DOCS_PAGE));
  app.get('/docs/start.js', (c) => c.body(DOCS_SCRIPT, 200, { 'content-type': 'text/javascript' }));
  for (const [asset, { type, file }] of Object.entries(ASSETS))
    app.get(`/docs/${asset}`, async (c) =>
      c.body(await readFile(new URL(file)), 200, { 'content-type': type }),
    );
}
