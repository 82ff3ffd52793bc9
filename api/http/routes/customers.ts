import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { FormatRules } from '../../../domain/onboarding/types.ts';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { optionalIdempotencyHeaders } from '../idempotency.ts';
import { respond } from '../respond.ts';
import { errorResponses, jsonResponse } from '../schemas/common.ts';
import { onboardingRequest, onboardingResult } from '../schemas/onboarding.ts';

const location = z.object({ Location: z.string().openapi({ description: 'URL of the profile' }) });

const onboard = (forms: FormatRules) =>
  createRoute({
    method: 'post',
    path: '/api/v1/customers',
    tags: ['customers'],
    summary: 'Onboard a customer, or recognise one',
    description: 'transaction_id is the idempotency key: a repeat gets the first result.',
    request: {
      headers: optionalIdempotencyHeaders,
      body: { required: true, content: { 'application/json': { schema: onboardingRequest(forms) } } },
    },
    responses: {
      201: jsonResponse(onboardingResult, 'A new customer', location),
      200: jsonResponse(onboardingResult, 'The customer was already known', location),
      ...errorResponses(['idempotency_key_reused', 'illegal_transition', 'temporal_unavailable'], {
        body: true,
      }),
    },
  });

/** Onboarding. @param forms the format rules of an onboarding's fields */
export function customerRoutes(app: OpenAPIHono<HttpEnv>, services: Services, forms: FormatRules): void {
  app.openapi(onboard(forms), async (c) => {
    const request = c.req.valid('json');
    const { transaction_id } = request;
    c.set('about', { transaction_id });
    const result = await services.onboard(callerOf(c), request);
    c.set('about', { transaction_id, customer_id: result.customer_id });
    return respond(c, result, result.created ? 201 : 200, {
      location: `/api/v1/customers/${result.customer_id}/profile`,
    });
  });
}
