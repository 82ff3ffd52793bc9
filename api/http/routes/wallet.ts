import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { statusShownToCustomer } from '../../../domain/payment-method.ts';
import type { Services } from '../../../services/services.ts';
import type { PaymentMethodView } from '../../../services/views.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { idempotencyHeaders, requireIdempotencyKey } from '../idempotency.ts';
import { uuid } from '../schemas/checked.ts';
import { customerParams, etag, json, listOf, pageQuery, problems } from '../schemas/common.ts';
import { newPaymentMethod, paymentMethod } from '../schemas/wallet.ts';

const PATH = '/api/v1/customers/{customer_id}/payment-methods';
const tags = ['wallet'];

const list = createRoute({
  method: 'get',
  path: PATH,
  tags,
  summary: 'The wallet: the default first, then the most recently used',
  request: { params: customerParams, query: pageQuery },
  responses: {
    200: json(listOf(paymentMethod, 'PaymentMethods'), 'A page of the wallet'),
    ...problems(['customer_not_found', 'invalid_argument']),
  },
});

const add = createRoute({
  method: 'post',
  path: PATH,
  tags,
  middleware: requireIdempotencyKey,
  summary: 'Add a payment method',
  description:
    'Answers once the method is verified at the gateway, or after a short wait while it still is `unverified`.',
  request: {
    params: customerParams,
    headers: idempotencyHeaders,
    body: { required: true, content: { 'application/json': { schema: newPaymentMethod } } },
  },
  responses: {
    201: json(
      paymentMethod,
      'The payment method',
      etag.extend({ Location: z.string().openapi({ description: 'Its address' }) }),
    ),
    ...problems(
      [
        'idempotency_key_required',
        'idempotency_key_reused',
        'customer_not_found',
        'customer_suspended',
        'token_belongs_to_other_customer',
        'payment_method_declined',
        'temporal_unavailable',
        'gateway_unavailable',
      ],
      { body: true },
    ),
  },
});

const get = createRoute({
  method: 'get',
  path: `${PATH}/{payment_method_id}`,
  tags,
  summary: 'One payment method',
  request: {
    params: customerParams.extend({
      payment_method_id: uuid
        .transform((id) => id.toLowerCase())
        .openapi({ param: { name: 'payment_method_id', in: 'path' } }),
    }),
  },
  responses: {
    200: json(paymentMethod, 'The payment method', etag),
    ...problems(['payment_method_not_found', 'invalid_argument']),
  },
});

/** The customer's wallet. */
export function walletRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  app.openapi(list, async (c) => {
    const { customer_id } = c.req.valid('param');
    const page = await services.getPaymentMethods(callerOf(c, customer_id), {
      customer_id,
      ...c.req.valid('query'),
    });
    return c.json({ items: page.items.map(shown), next_cursor: page.next_cursor ?? null }, 200);
  });

  app.openapi(add, async (c) => {
    const { customer_id } = c.req.valid('param');
    const { type, token, device_id, off_session_consent } = c.req.valid('json');
    const added = await services.addPaymentMethod(callerOf(c, customer_id), {
      customer_id,
      type,
      token,
      device_id: device_id?.toLowerCase() || undefined,
      off_session_consent: off_session_consent ?? undefined,
    });
    c.header('location', `/api/v1/customers/${customer_id}/payment-methods/${added.payment_method_id}`);
    c.header('etag', `"${added.changed_seq}"`);
    return c.json(shown(added), 201);
  });

  app.openapi(get, async (c) => {
    const ids = c.req.valid('param');
    const found = await services.getPaymentMethod(callerOf(c, ids.customer_id), ids);
    c.header('etag', `"${found.changed_seq}"`);
    return c.json(shown(found), 200);
  });
}

function shown(method: PaymentMethodView): PaymentMethodView {
  return { ...method, status: statusShownToCustomer(method.status) };
}
