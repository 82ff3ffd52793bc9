import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { FormatRules } from '../../../domain/onboarding/types.ts';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { idempotencyHeaders, requireIdempotencyKey } from '../idempotency.ts';
import { ifMatchHeaders, requireIfMatch, versionOf } from '../if-match.ts';
import { respond } from '../respond.ts';
import { customerParams, errorResponses, etag, jsonResponse } from '../schemas/common.ts';
import { uuid } from '../schemas/domain-rules.ts';
import { identifierVerification, profileChange } from '../schemas/profile.ts';
import { profile } from '../schemas/wallet.ts';

const getProfile = createRoute({
  method: 'get',
  path: '/api/v1/customers/{customer_id}/profile',
  tags: ['customers'],
  summary: "The customer's profile",
  request: { params: customerParams },
  responses: {
    200: jsonResponse(profile, 'The profile', etag),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

const changeProfile = (forms: FormatRules) =>
  createRoute({
    method: 'put',
    path: '/api/v1/customers/{customer_id}/profile',
    tags: ['customers'],
    middleware: requireIfMatch,
    summary: "Change the customer's locale, and replace the list of e-mail addresses and phone numbers",
    description: 'All of it counts, or nothing.',
    request: {
      params: customerParams,
      headers: ifMatchHeaders,
      body: { required: true, content: { 'application/json': { schema: profileChange(forms) } } },
    },
    responses: {
      200: jsonResponse(profile, 'The profile, changed', etag),
      ...errorResponses(
        [
          'version_required',
          'stale_version',
          'idempotency_key_reused',
          'customer_not_found',
          'customer_suspended',
          'identifier_belongs_to_other_customer',
        ],
        { body: true },
      ),
    },
  });

const verify = createRoute({
  method: 'post',
  path: '/api/v1/customers/{customer_id}/identifiers/{identifier_id}/verify',
  tags: ['customers'],
  middleware: requireIdempotencyKey,
  summary: 'State that the customer has verified an e-mail address or a phone number',
  description:
    'For services: a code was sent to it and came back. Everything that was onboarded through it counts as the customer’s own from now on. The evidence is not recorded for an identifier that is already verified.',
  request: {
    params: customerParams.extend({
      identifier_id: uuid
        .transform((id) => id.toLowerCase())
        .openapi({ param: { name: 'identifier_id', in: 'path' } }),
    }),
    headers: idempotencyHeaders,
    body: { required: true, content: { 'application/json': { schema: identifierVerification } } },
  },
  responses: {
    200: jsonResponse(profile, 'The profile, with the identifier verified', etag),
    ...errorResponses(
      ['idempotency_key_required', 'idempotency_key_reused', 'customer_not_found', 'identifier_not_found'],
      { body: true },
    ),
  },
});

/** The customer's profile and identifiers. @param forms the format rules of identifiers */
export function profileRoutes(app: OpenAPIHono<HttpEnv>, services: Services, forms: FormatRules): void {
  app.openapi(getProfile, async (c) => {
    const { customer_id } = c.req.valid('param');
    const found = await services.getProfile(callerOf(c, customer_id), { customer_id });
    return respond(c, found, 200, { etag: `"${found.changed_seq}"` });
  });

  app.openapi(changeProfile(forms), async (c) => {
    const { customer_id } = c.req.valid('param');
    const expected_version = versionOf(c.req.valid('header')['if-match']);
    const changed = await services.updateProfile(callerOf(c, customer_id), {
      customer_id,
      ...(expected_version !== undefined && { expected_version }),
      body: c.req.valid('json'),
    });
    return respond(c, changed, 200, { etag: `"${changed.changed_seq}"` });
  });

  app.openapi(verify, async (c) => {
    const ids = c.req.valid('param');
    // A service, although the path names a customer: customers cannot vouch for themselves.
    const caller = callerOf(c);
    c.set('about', { customer_id: ids.customer_id });
    const verified = await services.verifyIdentifier(caller, { ...ids, body: c.req.valid('json') });
    return respond(c, verified, 200, { etag: `"${verified.changed_seq}"` });
  });
}
