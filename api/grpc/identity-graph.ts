import type { IdentityGraphServiceServer } from '../../proto/gen/persona/v1/identity_graph.ts';
import type { Services } from '../../services/services.ts';
import { MAX_PAGE } from '../../services/pages.ts';
import type { Observers } from '../requests.ts';
import { Problems, toJson, toPaymentMethod } from './mapping.ts';
import { unary } from './unary.ts';

/** The graph of customers and what belongs to them. */
export function identityGraph(services: Services, observers: Observers): IdentityGraphServiceServer {
  return {
    // The request is checked where its rules are, as for every other entrance.
    createCustomer: unary(observers, 'CreateCustomer', async (caller, request) => {
      const answer = await services.onboard(caller, toJson(request));
      return {
        ...answer,
        version: BigInt(answer.version),
        payment_method_id: answer.payment_method_id,
        payment_method_status: answer.payment_method_status,
        device_id: answer.device_id,
      };
    }),

    getPaymentMethods: unary(observers, 'GetPaymentMethods', async (caller, request) => {
      const problems = new Problems();
      problems.requireUuid(request.customer_id, 'customer_id');
      problems.require(
        request.limit >= 0 && request.limit <= MAX_PAGE,
        'limit',
        `must be from 0 (as many as fit) to ${MAX_PAGE}`,
      );
      problems.refuse();
      const page = await services.getPaymentMethods(caller, {
        customer_id: request.customer_id.toLowerCase(),
        limit: request.limit || MAX_PAGE,
        cursor: request.cursor || undefined,
      });
      return { items: page.items.map(toPaymentMethod), next_cursor: page.next_cursor ?? '' };
    }),
  };
}
