import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { respond } from '../respond.ts';
import { customerParams, errorResponses, jsonResponse } from '../schemas/common.ts';
import { uuid } from '../schemas/domain-rules.ts';
import { erasure, erasureAccepted } from '../schemas/erasures.ts';

const location = z.object({ Location: z.string().openapi({ description: 'URL of the progress' }) });

const erase = createRoute({
  method: 'delete',
  path: '/api/v1/customers/{customer_id}',
  tags: ['customers'],
  summary: 'Erase the customer',
  description:
    'Immediately every other request answers as for an unknown id. A repeat returns the same erasure while it runs. It waits while a charge is in doubt, a refund is due or a dispute is open.',
  request: { params: customerParams },
  responses: {
    202: jsonResponse(erasureAccepted, 'The erasure runs', location),
    ...errorResponses([
      'customer_not_found',
      'invalid_argument',
      'erasure_not_configured',
      'journal_unavailable',
      'temporal_unavailable',
    ]),
  },
});

const progress = createRoute({
  method: 'get',
  path: '/api/v1/erasures/{erasure_id}',
  tags: ['customers'],
  summary: 'Which step of an erasure was done when, and what is kept',
  description: 'Needs nothing but the id; contains no personal data.',
  request: {
    params: z.object({
      erasure_id: uuid
        .transform((id) => id.toLowerCase())
        .openapi({ param: { name: 'erasure_id', in: 'path' } }),
    }),
  },
  responses: {
    200: jsonResponse(erasure, 'The progress'),
    ...errorResponses(['erasure_not_found', 'invalid_argument', 'graph_unavailable'], { access: 'open' }),
  },
});

/** Erasure, and its own page. */
export function erasureRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  app.openapi(erase, async (c) => {
    const { customer_id } = c.req.valid('param');
    const result = await services.eraseCustomer(callerOf(c, customer_id), { customer_id });
    return respond(c, result, 202, { location: `/api/v1/erasures/${result.erasure_id}` });
  });

  app.openapi(progress, async (c) => {
    const found = await services.getErasure(c.req.valid('param'));
    return respond(c, found, 200);
  });
}
