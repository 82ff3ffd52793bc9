import { PersonaError } from '../../domain/errors.ts';
import type { AddressDetails } from '../../domain/onboarding/types.ts';
import { openAddress, readAddresses, type StoredAddress } from '../addresses/addresses.ts';
import type { Graph } from '../kernel/graph.ts';
import { dataKeyOf } from '../kernel/key-store.ts';
import { withoutNulls } from '../kernel/values.ts';
import { requireVisibleCustomer } from './payment-methods.ts';

/** An address as the API returns it (docs/reference/interfaces.md, 'Shapes of responses'); times are RFC 3339 in UTC. */
export interface Address extends AddressDetails {
  address_id: string;
  is_verified: boolean;
  is_default: boolean;
  first_shipped: string;
  last_shipped: string;
  changed_seq: number;
}

/**
 * A customer's proven addresses: defaults first, then the most recently shipped to.
 * @throws PersonaError customer_not_found
 */
export async function getAddresses(graph: Graph, input: { customer_id: string }): Promise<Address[]> {
  const { customer_id } = input;
  const [stored, key] = await Promise.all([
    readAddresses(graph, customer_id),
    dataKeyOf(graph, graph, { label: 'CustomerKey', id: customer_id }),
    requireVisibleCustomer(graph, { customer_id }),
  ]);
  if (key === undefined) throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  return stored.filter(({ proven }) => proven).map((address) => toAddress(openAddress(address, key)));
}

/** @throws PersonaError customer_not_found, address_not_found, also if it is another customer's or unproven */
export async function getAddress(
  graph: Graph,
  input: { customer_id: string; address_id: string },
): Promise<Address> {
  const { customer_id, address_id } = input;
  const address = (await getAddresses(graph, { customer_id })).find(
    (candidate) => candidate.address_id === address_id,
  );
  if (address) return address;
  throw new PersonaError('address_not_found', `there is no address ${address_id}`);
}

function toAddress({ proven: _, ...address }: StoredAddress): Address {
  return withoutNulls(address);
}
