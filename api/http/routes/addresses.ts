import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { idempotencyHeaders, requireIdempotencyKey } from '../idempotency.ts';
import { ifMatchHeaders, requireIfMatch, versionOf } from '../if-match.ts';
import { respond } from '../respond.ts';
import { address, addressChange } from '../schemas/addresses.ts';
import {
  customerParams,
  errorResponses,
  etag,
  jsonResponse,
  pageQuery,
  pageSchema,
} from '../schemas/common.ts';
import { uuid } from '../schemas/domain-rules.ts';

const PATH = '/api/v1/customers/{customer_id}/addresses';
const tags = ['addresses'];

const addressParams = customerParams.extend({
  address_id: uuid.transform((id) => id.toLowerCase()).openapi({ param: { name: 'address_id', in: 'path' } }),
});
const body = { required: true, content: { 'application/json': { schema: addressChange } } };

const list = createRoute({
  method: 'get',
  path: PATH,
  tags,
  summary: 'The addresses: defaults first, then by last shipment, newest first',
  request: { params: customerParams, query: pageQuery },
  responses: {
    200: jsonResponse(pageSchema(address, 'Addresses'), 'A page of the addresses'),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

const add = createRoute({
  method: 'post',
  path: PATH,
  tags,
  middleware: requireIdempotencyKey,
  summary: 'Add an address',
  description: 'It is unverified. The first address of its type becomes the default.',
  request: { params: customerParams, headers: idempotencyHeaders, body },
  responses: {
    201: jsonResponse(
      address,
      'The address',
      etag.extend({ Location: z.string().openapi({ description: 'URL of the address' }) }),
    ),
    ...errorResponses(
      [
        'idempotency_key_required',
        'idempotency_key_reused',
        'customer_not_found',
        'customer_suspended',
        'address_not_found',
      ],
      { body: true },
    ),
  },
});

const get = createRoute({
  method: 'get',
  path: `${PATH}/{address_id}`,
  tags,
  summary: 'One address',
  request: { params: addressParams },
  responses: {
    200: jsonResponse(address, 'The address', etag),
    ...errorResponses(['customer_not_found', 'address_not_found', 'invalid_argument']),
  },
});

/** The errors that every change of an address may return. */
const CHANGE_ERRORS = [
  'version_required',
  'stale_version',
  'idempotency_key_reused',
  'customer_not_found',
  'customer_suspended',
  'address_not_found',
  'payload_too_large',
  'invalid_argument',
] as const;

const replace = createRoute({
  method: 'put',
  path: `${PATH}/{address_id}`,
  tags,
  middleware: requireIfMatch,
  summary: 'Replace an address',
  description: 'If it differs, it is unverified again.',
  request: { params: addressParams, headers: ifMatchHeaders, body },
  responses: {
    200: jsonResponse(address, 'The address, changed', etag),
    ...errorResponses(CHANGE_ERRORS, { body: true }),
  },
});

const remove = createRoute({
  method: 'delete',
  path: `${PATH}/{address_id}`,
  tags,
  middleware: requireIfMatch,
  summary: 'Remove an address',
  description: 'If it was the default of its type, the one most recently shipped to becomes the default.',
  request: { params: addressParams, headers: ifMatchHeaders },
  responses: {
    204: { description: 'The address is removed' },
    ...errorResponses(CHANGE_ERRORS),
  },
});

/** The customer's addresses. */
export function addressRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  app.openapi(list, async (c) => {
    const { customer_id } = c.req.valid('param');
    const request = { customer_id, ...c.req.valid('query') };
    const page = await services.getAddresses(callerOf(c, customer_id), request);
    return respond(c, { items: page.items, next_cursor: page.next_cursor ?? null }, 200);
  });

  app.openapi(add, async (c) => {
    const { customer_id } = c.req.valid('param');
    const request = { customer_id, body: c.req.valid('json') };
    const added = await services.addAddress(callerOf(c, customer_id), request);
    return respond(c, added, 201, {
      location: `/api/v1/customers/${customer_id}/addresses/${added.address_id}`,
      etag: `"${added.changed_seq}"`,
    });
  });

  app.openapi(get, async (c) => {
    const ids = c.req.valid('param');
    const found = await services.getAddress(callerOf(c, ids.customer_id), ids);
    return respond(c, found, 200, { etag: `"${found.changed_seq}"` });
  });

  app.openapi(replace, async (c) => {
    const ids = c.req.valid('param');
    const expected_version = versionOf(c.req.valid('header')['if-match']);
    const replaced = await services.updateAddress(callerOf(c, ids.customer_id), {
      ...ids,
      ...(expected_version !== undefined && { expected_version }),
      body: c.req.valid('json'),
    });
    return respond(c, replaced, 200, { etag: `"${replaced.changed_seq}"` });
  });

  app.openapi(remove, async (c) => {
    const ids = c.req.valid('param');
    const expected_version = versionOf(c.req.valid('header')['if-match']);
    await services.removeAddress(callerOf(c, ids.customer_id), {
      ...ids,
      ...(expected_version !== undefined && { expected_version }),
    });
    return c.body(null, 204);
  });
}
