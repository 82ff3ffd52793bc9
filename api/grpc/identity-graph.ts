import type { IdentityGraphServiceServer } from '../../proto/gen/persona/v1/identity_graph.ts';
import type { PageRequest, Services } from '../../services/services.ts';
import type { Observers } from '../requests.ts';
import { customerSearch } from './customer-search.ts';
import { Problems, toAddress, toCustomer, toDate, toDevice, toJson, toPaymentMethod } from './mapping.ts';
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
      const onboarded = await services.onboard(caller, toJson(request));
      return {
        ...onboarded,
        version: BigInt(onboarded.version),
        payment_method_id: onboarded.payment_method_id,
        payment_method_status: onboarded.payment_method_status,
        device_id: onboarded.device_id,
      };
    }),

    getCustomer: unary(observers, 'GetCustomer', async (caller, request) => ({
      customer: toCustomer(await services.getCustomer(caller, { customer_id: customerId(request) })),
    })),

    getPaymentMethods: unary(observers, 'GetPaymentMethods', async (caller, request) => {
      const page = await services.getPaymentMethods(caller, pageRequest(request));
      return { items: page.items.map(toPaymentMethod), next_cursor: page.next_cursor ?? '' };
    }),

    getDevices: unary(observers, 'GetDevices', async (caller, request) => {
      const page = await services.getDevices(caller, pageRequest(request));
      return { items: page.items.map(toDevice), next_cursor: page.next_cursor ?? '' };
    }),

    getAddresses: unary(observers, 'GetAddresses', async (caller, request) => {
      const page = await services.getAddresses(caller, pageRequest(request));
      return { items: page.items.map(toAddress), next_cursor: page.next_cursor ?? '' };
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
        for (const { seq, occurred_at, ...entry } of page.items)
          yield { ...entry, seq: BigInt(seq), occurred_at: toDate(occurred_at) };
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
