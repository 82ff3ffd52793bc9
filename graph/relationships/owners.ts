import { PersonaError, type ErrorType } from '../../domain/errors.ts';
import type { Reader } from '../graph.ts';

/** Nodes that belong permanently to one customer. */
export type OwnedLabel = 'PaymentMethod' | 'Address' | 'DigitalIdentifier';

const OWNER: Readonly<Record<OwnedLabel, string>> = {
  PaymentMethod:
    'MATCH (:PaymentMethod {id: $id})<-[:HAS_PAYMENT_METHOD]-(c:Customer) RETURN c.id AS customer_id',
  Address: 'MATCH (:Address {id: $id})<-[:SHIPPED_TO]-(c:Customer) RETURN c.id AS customer_id',
  DigitalIdentifier:
    'MATCH (:DigitalIdentifier {id: $id})<-[:HAS_DIGITAL_IDENTIFIER]-(c:Customer) RETURN c.id AS customer_id',
};
const MISSING: Readonly<Record<OwnedLabel, [ErrorType, string]>> = {
  PaymentMethod: ['payment_method_not_found', 'payment method'],
  Address: ['address_not_found', 'address'],
  DigitalIdentifier: ['identifier_not_found', 'digital identifier'],
};

/**
 * The owner of a node. It may be read before the customer is locked, because a node never changes its owner.
 * @throws PersonaError payment_method_not_found, address_not_found, identifier_not_found
 */
export async function ownerOf(reader: Reader, label: OwnedLabel, id: string): Promise<string> {
  const [row] = await reader.read<{ customer_id: string }>(OWNER[label], { id });
  if (row) return row.customer_id;
  const [type, name] = MISSING[label];
  throw new PersonaError(type, `there is no ${name} ${id}`);
}
