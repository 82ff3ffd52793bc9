import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { redactForCustomer } from '../../../services/recovery-text.ts';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { optionalIdempotencyHeaders } from '../idempotency.ts';
import { respond } from '../respond.ts';
import {
  customerParams,
  errorResponses,
  etag,
  jsonResponse,
  pageSchema,
  pageQuery,
} from '../schemas/common.ts';
import {
  acceptedResponse,
  paymentFailed,
  paymentId,
  paymentSettled,
  recovery,
} from '../schemas/recoveries.ts';

const PATH = '/api/v1/customers/{customer_id}/recoveries';
const tags = ['recoveries'];

const list = createRoute({
  method: 'get',
  path: PATH,
  tags,
  summary: 'Open and past recoveries, newest first',
  request: { params: customerParams, query: pageQuery },
  responses: {
    200: jsonResponse(pageSchema(recovery, 'Recoveries'), 'A page of recoveries'),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

const get = createRoute({
  method: 'get',
  path: `${PATH}/{payment_id}`,
  tags,
  summary: 'One recovery, each attempt with its reason in plain words',
  request: {
    params: customerParams.extend({
      payment_id: paymentId.openapi({ param: { name: 'payment_id', in: 'path' } }),
    }),
  },
  responses: {
    200: jsonResponse(recovery, 'The recovery', etag),
    ...errorResponses(['recovery_not_found', 'invalid_argument']),
  },
});

const report = createRoute({
  method: 'post',
  path: '/internal/v1/payment-failures',
  tags: ['internal'],
  summary: 'Report a failed payment, which Persona collects from here on',
  description:
    'event_id is the idempotency key. No other system may charge this payment until its outcome is published.',
  request: {
    headers: optionalIdempotencyHeaders,
    body: { required: true, content: { 'application/json': { schema: paymentFailed } } },
  },
  responses: {
    202: jsonResponse(acceptedResponse, 'The report is accepted and the recovery is started or signalled'),
    ...errorResponses(
      [
        'customer_not_found',
        'payment_method_not_found',
        'obligation_mismatch',
        'idempotency_key_reused',
        'temporal_unavailable',
      ],
      { body: true },
    ),
  },
});

const settle = createRoute({
  method: 'post',
  path: '/internal/v1/payment-settlements',
  tags: ['internal'],
  summary: 'Report a payment that was made elsewhere: its recovery ends',
  description:
    'event_id is the idempotency key. A payment that has not been reported yet is closed in advance.',
  request: {
    headers: optionalIdempotencyHeaders,
    body: { required: true, content: { 'application/json': { schema: paymentSettled } } },
  },
  responses: {
    202: jsonResponse(acceptedResponse, 'The settlement is accepted for the recovery'),
    ...errorResponses(
      ['customer_not_found', 'obligation_mismatch', 'idempotency_key_reused', 'temporal_unavailable'],
      { body: true },
    ),
  },
});

/** Recoveries: reported by agents, read by the customer. */
export function recoveryRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  app.openapi(list, async (c) => {
    const { customer_id } = c.req.valid('param');
    const page = await services.getRecoveries(callerOf(c, customer_id), {
      customer_id,
      ...c.req.valid('query'),
    });
    return respond(
      c,
      { items: page.items.map(redactForCustomer), next_cursor: page.next_cursor ?? null },
      200,
    );
  });

  app.openapi(get, async (c) => {
    const ids = c.req.valid('param');
    const found = await services.getRecovery(callerOf(c, ids.customer_id), ids);
    return respond(c, redactForCustomer(found), 200, { etag: `"${found.changed_seq}"` });
  });

  app.openapi(report, async (c) => {
    const message = c.req.valid('json');
    const { customer_id, payment_id } = message;
    c.set('about', { customer_id, payment_id });
    const result = await services.reportPaymentFailure(callerOf(c), message);
    c.set('about', { customer_id, payment_id, workflow_id: result.workflow_id });
    return respond(c, result, 202);
  });

  app.openapi(settle, async (c) => {
    const message = c.req.valid('json');
    const { customer_id, payment_id } = message;
    c.set('about', { customer_id, payment_id });
    const result = await services.reportPaymentSettled(callerOf(c), message);
    c.set('about', { customer_id, payment_id, workflow_id: result.workflow_id });
    return respond(c, result, 202);
  });
}
