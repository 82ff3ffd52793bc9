import { PersonaError } from '../../domain/errors.ts';
import type { IdentifierDetails } from '../../domain/onboarding-types.ts';
import type { Graph } from '../graph.ts';
import { readIdentifiers } from '../identifiers/identifiers.ts';
import { dataKeyOf } from '../key-store.ts';
import { getCustomer } from './customer.ts';

export interface DigitalIdentifier {
  identifier_id: string;
  type: IdentifierDetails['type'];
  value: string;
  is_verified: boolean;
  /** RFC 3339 in UTC. */
  linked_at: string;
}

/**
 * A customer's e-mail addresses and phone numbers, oldest first.
 * @throws PersonaError customer_not_found
 */
export async function getDigitalIdentifiers(
  graph: Graph,
  input: { customer_id: string },
): Promise<DigitalIdentifier[]> {
  const { customer_id } = input;
  const [stored, key] = await Promise.all([
    readIdentifiers(graph, customer_id),
    dataKeyOf(graph, graph, { label: 'CustomerKey', id: customer_id }),
    getCustomer(graph, input),
  ]);
  if (key === undefined) throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  return stored.map(({ identifier_id, type, value, is_verified, linked_at }) => ({
    identifier_id,
    type,
    value: key.open(value, 'DigitalIdentifier', identifier_id, 'value'),
    is_verified,
    linked_at,
  }));
}
