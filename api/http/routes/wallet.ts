import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { omitUndefined } from '../../../domain/validation.ts';
import { statusShownToCustomer } from '../../../domain/payment-method.ts';
import type { Services } from '../../../services/services.ts';
import type { PaymentMethodView } from '../../../services/views.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { idempotencyHeaders, requireIdempotencyKey } from '../idempotency.ts';
import { uuid } from '../schemas/domain-rules.ts';
import {
  customerParams,
  etag,
  jsonResponse,
  pageSchema,
  pageQuery,
  errorResponses,
} from '../schemas/common.ts';
import { ifMatchHeaders, requireIfMatch, versionOf } from '../if-match.ts';
import { respond } from '../respond.ts';
import { methodChange, newPaymentMethod, paymentMethod } from '../schemas/wallet.ts';

const PATH = '/api/v1/customers/{customer_id}/payment-methods';
const tags = ['wallet'];

const methodParams = customerParams.extend({
  payment_method_id: uuid
    .transform((id) => id.toLowerCase())
    .openapi({ param: { name: 'payment_method_id', in: 'path' } }),
});

const list = createRoute({
  method: 'get',
  path: PATH,
  tags,
  summary: 'The wallet: the default first, then the most recently used',
  request: { params: customerParams, query: pageQuery },
  responses: {
    200: jsonResponse(pageSchema(paymentMethod, 'PaymentMethods'), 'A page of the wallet'),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

const add = createRoute({
  method: 'post',
  path: PATH,
  tags,
  middleware: requireIdempotencyKey,
  summary: 'Add a payment method',
  description:
    'Responds once the method is verified at the gateway, or after a short wait with the method still `unverified`.',
  request: {
    params: customerParams,
    headers: idempotencyHeaders,
    body: { required: true, content: { 'application/json': { schema: newPaymentMethod } } },
  },
  responses: {
    201: jsonResponse(
      paymentMethod,
      'The payment method',
      etag.extend({ Location: z.string().openapi({ description: 'URL of the payment method' }) }),
    ),
    ...errorResponses(
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
  request: { params: methodParams },
  responses: {
    200: jsonResponse(paymentMethod, 'The payment method', etag),
    ...errorResponses(['payment_method_not_found', 'invalid_argument']),
  },
});

/** The errors that every change of a method may return. */
const CHANGE_ERRORS = [
  'version_required',
  'stale_version',
  'idempotency_key_reused',
  'customer_not_found',
  'customer_suspended',
  'payment_method_not_found',
  'payload_too_large',
  'invalid_argument',
] as const;

const change = createRoute({
  method: 'patch',
  path: `${PATH}/{payment_method_id}`,
  tags,
  middleware: requireIfMatch,
  summary: "Change a card's expiry date, or the consent to charge it",
  description:
    'A new expiry date is applied at the gateway first. Responds with 202 and the unchanged method if the gateway has not responded after a short wait.',
  request: {
    params: methodParams,
    headers: ifMatchHeaders,
    body: { required: true, content: { 'application/json': { schema: methodChange } } },
  },
  responses: {
    200: jsonResponse(paymentMethod, 'The payment method, changed', etag),
    202: jsonResponse(
      paymentMethod,
      'The payment method, unchanged: the gateway has not responded yet',
      etag,
    ),
    ...errorResponses(
      [...CHANGE_ERRORS, 'illegal_transition', 'payment_method_declined', 'temporal_unavailable'],
      { body: true },
    ),
  },
});

const remove = createRoute({
  method: 'delete',
  path: `${PATH}/{payment_method_id}`,
  tags,
  middleware: requireIfMatch,
  summary: 'Remove a payment method',
  description: 'It is removed from the wallet immediately, and detached at the gateway after the response.',
  request: { params: methodParams, headers: ifMatchHeaders },
  responses: {
    204: { description: 'The payment method is removed from the wallet' },
    ...errorResponses([...CHANGE_ERRORS, 'temporal_unavailable']),
  },
});

const makeDefault = createRoute({
  method: 'put',
  path: `${PATH}/{payment_method_id}/default`,
  tags,
  middleware: requireIfMatch,
  summary: 'Make a payment method the default',
  description: 'Only an active method without a dispute can be. The request has no body.',
  request: { params: methodParams, headers: ifMatchHeaders },
  responses: {
    200: jsonResponse(paymentMethod, 'The payment method, now the default', etag),
    ...errorResponses([...CHANGE_ERRORS, 'illegal_transition']),
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
    return respond(c, { items: page.items.map(toCustomerView), next_cursor: page.next_cursor ?? null }, 200);
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
    return respond(c, toCustomerView(added), 201, {
      location: `/api/v1/customers/${customer_id}/payment-methods/${added.payment_method_id}`,
      etag: `"${added.changed_seq}"`,
    });
  });

  app.openapi(get, async (c) => {
    const ids = c.req.valid('param');
    const found = await services.getPaymentMethod(callerOf(c, ids.customer_id), ids);
    return respond(c, toCustomerView(found), 200, { etag: `"${found.changed_seq}"` });
  });

  app.openapi(change, async (c) => {
    const ids = c.req.valid('param');
    const expected_version = versionOf(c.req.valid('header')['if-match']);
    const { expiry_month, expiry_year, off_session_consent } = c.req.valid('json');
    const { method, pending } = await services.updatePaymentMethod(callerOf(c, ids.customer_id), {
      ...ids,
      ...(expected_version !== undefined && { expected_version }),
      change: omitUndefined({
        expiry_month: expiry_month ?? undefined,
        expiry_year: expiry_year ?? undefined,
        off_session_consent: off_session_consent ?? undefined,
      }),
    });
    return respond(c, toCustomerView(method), pending ? 202 : 200, { etag: `"${method.changed_seq}"` });
  });

  app.openapi(remove, async (c) => {
    const ids = c.req.valid('param');
    const expected_version = versionOf(c.req.valid('header')['if-match']);
    await services.removePaymentMethod(callerOf(c, ids.customer_id), {
      ...ids,
      ...(expected_version !== undefined && { expected_version }),
    });
    return c.body(null, 204);
  });

  app.openapi(makeDefault, async (c) => {
    const ids = c.req.valid('param');
    const expected_version = versionOf(c.req.valid('header')['if-match']);
    const method = await services.setDefaultPaymentMethod(callerOf(c, ids.customer_id), {
      ...ids,
      ...(expected_version !== undefined && { expected_version }),
    });
    return respond(c, toCustomerView(method), 200, { etag: `"${method.changed_seq}"` });
  });
}

function toCustomerView(method: PaymentMethodView): PaymentMethodView {
  return { ...method, status: statusShownToCustomer(method.status) };
}
