import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { shownToCustomer } from '../../../services/recovery-text.ts';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { customerParams, json, listOf, pageQuery, problems } from '../schemas/common.ts';
import { accepted, paymentFailed, paymentId, paymentSettled, recovery } from '../schemas/recoveries.ts';

const PATH = '/api/v1/customers/{customer_id}/recoveries';
const tags = ['recoveries'];

const list = createRoute({
  method: 'get',
  path: PATH,
  tags,
  summary: 'Open and past recoveries, the newest first',
  request: { params: customerParams, query: pageQuery },
  responses: {
    200: json(listOf(recovery, 'Recoveries'), 'A page of recoveries'),
    ...problems(['customer_not_found', 'invalid_argument']),
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
    200: json(recovery, 'The recovery'),
    ...problems(['recovery_not_found', 'invalid_argument']),
  },
});

const report = createRoute({
  method: 'post',
  path: '/internal/v1/payment-failures',
  tags: ['internal'],
  summary: 'A payment failed: from here on Persona collects it',
  description:
    'event_id is the idempotency key. Nobody else charges this payment until its outcome is published.',
  request: { body: { required: true, content: { 'application/json': { schema: paymentFailed } } } },
  responses: {
    202: json(accepted, 'The recovery is under way'),
    ...problems(
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
  summary: 'A payment was made elsewhere: its recovery ends',
  description:
    'event_id is the idempotency key. Also a payment that nobody has reported yet: it is closed in advance.',
  request: { body: { required: true, content: { 'application/json': { schema: paymentSettled } } } },
  responses: {
    202: json(accepted, 'The recovery is told'),
    ...problems(
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
    return c.json({ items: page.items.map(shownToCustomer), next_cursor: page.next_cursor ?? null }, 200);
  });

  app.openapi(get, async (c) => {
    const ids = c.req.valid('param');
    return c.json(shownToCustomer(await services.getRecovery(callerOf(c, ids.customer_id), ids)), 200);
  });

  app.openapi(report, async (c) => {
    const message = c.req.valid('json');
    const { customer_id, payment_id } = message;
    c.set('about', { customer_id, payment_id });
    const answer = await services.reportPaymentFailure(callerOf(c), message);
    c.set('about', { customer_id, payment_id, workflow_id: answer.workflow_id });
    return c.json(answer, 202);
  });

  app.openapi(settle, async (c) => {
    const message = c.req.valid('json');
    const { customer_id, payment_id } = message;
    c.set('about', { customer_id, payment_id });
    const answer = await services.reportPaymentSettled(callerOf(c), message);
    c.set('about', { customer_id, payment_id, workflow_id: answer.workflow_id });
    return c.json(answer, 202);
  });
}
