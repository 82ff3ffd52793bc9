import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { optionalIdempotencyHeaders } from '../idempotency.ts';
import { respond } from '../respond.ts';
import { jsonResponse, errorResponses } from '../schemas/common.ts';
import { fraudOutcome } from '../schemas/fraud.ts';
import { acceptedResponse } from '../schemas/recoveries.ts';

const report = createRoute({
  method: 'post',
  path: '/internal/v1/fraud-outcomes',
  tags: ['internal'],
  summary: 'Report an outcome of a fraud case',
  description:
    'event_id is the idempotency key. The outcomes of a case apply in the order of occurred_at, regardless of when they arrive.',
  request: {
    headers: optionalIdempotencyHeaders,
    body: { required: true, content: { 'application/json': { schema: fraudOutcome } } },
  },
  responses: {
    202: jsonResponse(acceptedResponse, 'The outcome is accepted for the case'),
    ...errorResponses(
      [
        'customer_not_found',
        'device_not_found',
        'payment_method_not_found',
        'idempotency_key_reused',
        'temporal_unavailable',
      ],
      { body: true },
    ),
  },
});

/** Fraud cases: reported by Chimera. */
export function fraudRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  app.openapi(report, async (c) => {
    const message = c.req.valid('json');
    const { customer_id } = message;
    c.set('about', { customer_id });
    const result = await services.reportFraudOutcome(callerOf(c), message);
    c.set('about', { customer_id, workflow_id: result.workflow_id });
    return respond(c, result, 202);
  });
}
