import { PersonaError } from '../../domain/errors.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';

/** Whose wish a change is: the customer's own, signed in, or a service's. */
export type Wisher = 'customer' | 'service';

/**
 * Locks a customer for a change that somebody wishes. What a suspended customer wishes is refused.
 * @throws PersonaError customer_not_found, customer_suspended
 */
export async function lockOwner(
  tx: CommandTx,
  customerId: string,
  by: Wisher | undefined,
): Promise<CustomerNode> {
  const customer = await tx.lockCustomer(customerId);
  if (customer.status === 'suspended' && by === 'customer')
    throw new PersonaError('customer_suspended', `customer ${customerId} is suspended`);
  return customer;
}
