import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { respond } from '../respond.ts';
import { jsonResponse, errorResponses } from '../schemas/common.ts';

const stripe = createRoute({
  method: 'post',
  path: '/webhooks/stripe',
  tags: ['webhooks'],
  summary: "Stripe's events about payments, methods, mandates, refunds, disputes and fraud warnings",
  description:
    "Signed by Stripe at most five minutes ago, over the unchanged body. The event's id is the idempotency key. The state of the object is read again at Stripe before it is applied.",
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
      'Forwarded, already known, or not related to Persona',
    ),
    ...errorResponses(
      ['signature_refused', 'malformed_request', 'payload_too_large', 'temporal_unavailable'],
      { access: 'signature' },
    ),
  },
});

/** The gateway's webhooks. */
export function webhookRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  // Documented like every route, but no schema may parse the body first: the signature covers its bytes.
  app.openAPIRegistry.registerPath(stripe);
  app.post(stripe.path, async (c) => {
    const body = new Uint8Array(await c.req.arrayBuffer());
    const signature = c.req.header('stripe-signature');
    return respond(
      c,
      await services.handleStripeWebhook(callerOf(c), { body, ...(signature && { signature }) }),
      200,
    );
  });
}
