import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { respond } from '../respond.ts';
import { checkoutQuery, paymentOptions } from '../schemas/checkout.ts';
import { customerParams, errorResponses, jsonResponse } from '../schemas/common.ts';

const options = createRoute({
  method: 'get',
  path: '/api/v1/customers/{customer_id}/checkout-options',
  tags: ['wallet'],
  summary: 'What the customer may pay with at a checkout',
  description: 'Chimera is notified of a trusted device; the response waits for it only briefly.',
  request: { params: customerParams, query: checkoutQuery },
  responses: {
    200: jsonResponse(paymentOptions, 'The payment options'),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

/** The customer at a checkout. */
export function checkoutRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  app.openapi(options, async (c) => {
    const { customer_id } = c.req.valid('param');
    const { device_id } = c.req.valid('query');
    const caller = callerOf(c, customer_id);
    if (device_id !== undefined) c.set('about', { customer_id, device_id });
    return respond(c, await services.getPaymentOptions(caller, { customer_id, device_id }), 200);
  });
}
