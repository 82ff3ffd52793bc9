import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { respond } from '../respond.ts';
import { customerParams, errorResponses, jsonResponse, pageSchema } from '../schemas/common.ts';
import { connectedCustomer, connectedQuery, foundCustomer, usageQuery } from '../schemas/customer-search.ts';

const tags = ['internal'];

const byUsage = createRoute({
  method: 'get',
  path: '/internal/v1/customers/by-usage',
  tags,
  summary: 'The customers whose usage and shipping addresses meet the conditions, each of which is optional',
  request: { query: usageQuery },
  responses: {
    200: jsonResponse(pageSchema(foundCustomer, 'FoundCustomers'), 'A page of customers'),
    ...errorResponses(['invalid_argument']),
  },
});

const connected = createRoute({
  method: 'get',
  path: '/internal/v1/customers/{customer_id}/connected',
  tags,
  summary: 'Customers who share a device, a card or an address with this one, those who share the most first',
  request: { params: customerParams, query: connectedQuery },
  responses: {
    200: jsonResponse(pageSchema(connectedCustomer, 'ConnectedCustomers'), 'At most 100 customers, one page'),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

/** Searches across customers, for agents and operators. */
export function customerSearchRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  app.openapi(byUsage, async (c) => {
    const page = await services.findCustomersByUsage(callerOf(c), c.req.valid('query'));
    c.set('shown', customersOf(page.items));
    return respond(c, { items: page.items, next_cursor: page.next_cursor ?? null }, 200);
  });

  app.openapi(connected, async (c) => {
    const { customer_id } = c.req.valid('param');
    c.set('about', { customer_id });
    const { limit } = c.req.valid('query');
    const items = await services.findConnectedCustomers(callerOf(c), { customer_id, limit });
    c.set('shown', [customer_id, ...customersOf(items)]);
    return respond(c, { items, next_cursor: null }, 200);
  });
}

function customersOf(items: readonly { customer_id: string }[]): string[] {
  return items.map((item) => item.customer_id);
}
