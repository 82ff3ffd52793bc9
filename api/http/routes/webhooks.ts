import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { jsonResponse, errorResponses } from '../schemas/common.ts';

const stripe = createRoute({
  method: 'post',
  path: '/webhooks/stripe',
  tags: ['webhooks'],
  summary: 'What Stripe tells of payments, methods, mandates and refunds',
  description:
    "Signed by Stripe at most five minutes ago, over the body as it is. The event's id is the idempotency key. What the news say is read again at Stripe before it is believed.",
  request: {
    headers: z.object({ 'Stripe-Signature': z.string() }),
    body: {
      required: true,
      content: { 'application/json': { schema: z.looseObject({}).openapi({ description: 'An event' }) } },
    },
  },
  responses: {
    200: jsonResponse(
      z.object({ result: z.enum(['accepted', 'known', 'ignored']) }).openapi('WebhookTaken'),
      'Handed on, known already, or nothing of Persona',
    ),
    ...errorResponses([
      'signature_refused',
      'malformed_request',
      'payload_too_large',
      'temporal_unavailable',
    ]),
  },
});

/** What the gateway tells by itself. */
export function webhookRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  // Documented as every route, but no schema may read the body first: the signature is over its bytes.
  app.openAPIRegistry.registerPath(stripe);
  app.post(stripe.path, async (c) => {
    const body = new Uint8Array(await c.req.arrayBuffer());
    const signature = c.req.header('stripe-signature');
    return c.json(await services.handleStripeWebhook(callerOf(c), { body, ...(signature && { signature }) }));
  });
}
