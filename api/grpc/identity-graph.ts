import {
  CreateCustomerResponse,
  GetAddressesResponse,
  GetCustomerResponse,
  GetDevicesResponse,
  GetPaymentMethodsResponse,
  GetTimelineResponse,
  type IdentityGraphServiceServer,
} from '../../proto/gen/persona/v1/identity_graph.ts';
import type { PageRequest } from '../../services/pages.ts';
import type { Services } from '../../services/services.ts';
import type { Observers } from '../requests.ts';
import { customerSearch } from './customer-search.ts';
import { Problems, toJson, toMessage } from './mapping.ts';
import { relationships } from './relationships.ts';
import { serverStream } from './server-stream.ts';
import { unary } from './unary.ts';

/** The graph of customers and the nodes that belong to them. */
export function identityGraph(services: Services, observers: Observers): IdentityGraphServiceServer {
  return {
    ...relationships(services, observers),
    ...customerSearch(services, observers),

    // The service validates the request, as for every interface.
    createCustomer: unary(observers, 'CreateCustomer', async (caller, request) => {
      return toMessage(CreateCustomerResponse, await services.onboard(caller, toJson(request)));
    }),

    getCustomer: unary(observers, 'GetCustomer', async (caller, request) => {
      const customer = await services.getCustomer(caller, { customer_id: customerId(request) });
      return toMessage(GetCustomerResponse, { customer });
    }),

    getPaymentMethods: unary(observers, 'GetPaymentMethods', async (caller, request) => {
      const page = await services.getPaymentMethods(caller, pageRequest(request));
      return toMessage(GetPaymentMethodsResponse, page);
    }),

    getDevices: unary(observers, 'GetDevices', async (caller, request) => {
      const page = await services.getDevices(caller, pageRequest(request));
      return toMessage(GetDevicesResponse, page);
    }),

    getAddresses: unary(observers, 'GetAddresses', async (caller, request) => {
      const page = await services.getAddresses(caller, pageRequest(request));
      return toMessage(GetAddressesResponse, page);
    }),

    // The stream is read page by page; the next page when the caller has received the last one.
    getTimeline: serverStream(observers, 'GetTimeline', async function* (caller, request) {
      const customer_id = customerId(request);
      const problems = new Problems();
      problems.require(request.limit >= 0, 'limit', 'must be at least 0 (0: all)');
      problems.throwIfAny();
      let remaining = request.limit || Number.POSITIVE_INFINITY;
      for (let cursor: string | undefined; remaining > 0; ) {
        const limit = Math.min(remaining, TIMELINE_PAGE);
        const page = await services.getTimeline(caller, { customer_id, limit, cursor });
        for (const entry of page.items) yield toMessage(GetTimelineResponse, { notes: [], ...entry });
        remaining -= page.items.length;
        cursor = page.next_cursor;
        if (cursor === undefined) return;
      }
    }),
  };
}

const TIMELINE_PAGE = 100;

function customerId(request: { customer_id: string }): string {
  const problems = new Problems();
  problems.requireUuid(request.customer_id, 'customer_id');
  problems.throwIfAny();
  return request.customer_id.toLowerCase();
}

function pageRequest(request: { customer_id: string; limit: number; cursor: string }): PageRequest {
  const problems = new Problems();
  problems.requireUuid(request.customer_id, 'customer_id');
  const limit = problems.requireLimit(request.limit);
  problems.throwIfAny();
  return { customer_id: request.customer_id.toLowerCase(), limit, cursor: request.cursor || undefined };
}
