import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { respond } from '../respond.ts';
import { customerParams, errorResponses, jsonResponse } from '../schemas/common.ts';
import { disclosureList } from '../schemas/rights.ts';

const disclosures = createRoute({
  method: 'get',
  path: '/api/v1/customers/{customer_id}/disclosures',
  tags: ['rights'],
  summary: 'Who was told what about the customer, and for what, the latest first',
  description: 'Complete within seconds. The customer is no recipient.',
  request: { params: customerParams },
  responses: {
    200: jsonResponse(disclosureList, 'Every recipient'),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

/** What a person is owed about their own data (docs/privacy.md). */
export function rightsRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  app.openapi(disclosures, async (c) => {
    const { customer_id } = c.req.valid('param');
    return respond(c, await services.getDisclosures(callerOf(c, customer_id), { customer_id }), 200);
  });
}
