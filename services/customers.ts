import { PersonaError } from '../domain/errors.ts';
import { decimalFromMinor } from '../domain/money.ts';
import {
  findCustomerByDigitalId as findByDigitalId,
  getCustomer as readCustomer,
  getCustomerProfile,
} from '../graph/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { CustomerView } from './views.ts';

type Dependencies = Pick<ServiceDependencies, 'graph' | 'policy'>;

/**
 * A customer with their profile, as shown to services.
 *
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function getCustomer(
  { graph, policy }: Dependencies,
  ids: { customer_id: string },
): Promise<CustomerView> {
  const [profile, { ltv_minor, acquisition_date }] = await Promise.all([
    getCustomerProfile(graph, ids),
    readCustomer(graph, ids),
  ]);
  const ltv_currency = policy.reportingCurrency;
  return { ...profile, ltv: decimalFromMinor(ltv_minor, ltv_currency), ltv_currency, acquisition_date };
}

/**
 * The customer with this e-mail address or phone number.
 *
 * @throws PersonaError invalid_argument, customer_not_found (no customer has it), graph_unavailable
 */
export async function findCustomerByDigitalId(
  dependencies: Dependencies,
  identifier: { type: 'email' | 'phone_number'; value: string },
): Promise<{ customer: CustomerView; is_verified: boolean }> {
  const found = await findByDigitalId(dependencies.graph, { ...identifier, policy: dependencies.policy });
  if (found === undefined)
    throw new PersonaError('customer_not_found', `no customer has this ${identifier.type}`);
  const { customer_id, is_verified } = found;
  return { customer: await getCustomer(dependencies, { customer_id }), is_verified };
}
