import { isCountry } from '../../domain/countries.ts';
import type { IdentityGraphServiceServer } from '../../proto/gen/persona/v1/identity_graph.ts';
import type { Services } from '../../services/services.ts';
import type { Observers } from '../requests.ts';
import { Problems, toCustomer, toIsoTime } from './mapping.ts';
import { unary } from './unary.ts';

type SearchMethods = 'findCustomerByDigitalId' | 'findCustomersByUsage' | 'findConnectedCustomers';

/** Finds customers by identifier, by usage and by shared nodes. */
export function customerSearch(
  services: Services,
  observers: Observers,
): Pick<IdentityGraphServiceServer, SearchMethods> {
  return {
    findCustomerByDigitalId: unary(observers, 'FindCustomerByDigitalId', async (caller, request) => {
      const problems = new Problems();
      const type = problems.requireOneOf(request.type, ['email', 'phone_number'], 'type');
      problems.require(request.value !== '', 'value', 'is required');
      problems.throwIfAny();
      const found = await services.findCustomerByDigitalId(caller, { type, value: request.value });
      return { customer: toCustomer(found.customer), is_verified: found.is_verified };
    }),

    findCustomersByUsage: unary(observers, 'FindCustomersByUsage', async (caller, request) => {
      const since = toIsoTime(request.since);
      const country = request.country?.toUpperCase() || undefined;
      const problems = new Problems();
      problems.require(
        country === undefined || isCountry(country),
        'country',
        'must be an ISO 3166-1 alpha-2 country code',
      );
      problems.require(
        since === undefined || !Number.isNaN(Date.parse(since)),
        'since',
        'must be an RFC 3339 time',
      );
      const limit = problems.requireLimit(request.limit);
      problems.throwIfAny();
      const page = await services.findCustomersByUsage(caller, {
        brand: request.brand || undefined,
        trusted_device: request.trusted_device,
        user_agent: request.user_agent || undefined,
        state: request.state || undefined,
        country,
        since,
        limit,
        cursor: request.cursor || undefined,
      });
      return { items: page.items, next_cursor: page.next_cursor ?? '' };
    }),

    findConnectedCustomers: unary(observers, 'FindConnectedCustomers', async (caller, request) => {
      const problems = new Problems();
      problems.requireUuid(request.customer_id, 'customer_id');
      const limit = problems.requireLimit(request.limit);
      problems.throwIfAny();
      const customer_id = request.customer_id.toLowerCase();
      const items = await services.findConnectedCustomers(caller, { customer_id, limit });
      return { items, next_cursor: '' };
    }),
  };
}
