import { PersonaError } from '../../domain/errors.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';

/** Who requests a change: the customer, signed in, or a service. */
export type Requester = 'customer' | 'service';

/**
 * Locks a customer for a change. A request by a suspended customer is refused.
 * @throws PersonaError customer_not_found, customer_suspended
 */
export async function lockOwner(
  tx: CommandTx,
  customerId: string,
  by: Requester | undefined,
): Promise<CustomerNode> {
  const customer = await tx.lockCustomer(customerId);
  if (customer.status === 'suspended' && by === 'customer')
    throw new PersonaError('customer_suspended', `customer ${customerId} is suspended`);
  return customer;
}
