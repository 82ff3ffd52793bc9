import type { MethodRefusal, PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { GatewayPaymentMethod } from '../../domain/ports.ts';
import { type CommandHeader, runCommand } from '../command.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { changedDetails } from './changed-details.ts';
import { applyDerivedStatus } from './update-payment-method.ts';
import { openWallet, type Wallet, type WalletMethod } from './wallet.ts';

export interface FollowedMethod {
  change: 'none' | 'updated' | 'removed';
  /** `undefined`: the customer no longer has it, or never had it. */
  payment_method_status?: PaymentMethodStatus;
  /** It belongs to another customer at the gateway; the caller counts such refusals. */
  refused?: MethodRefusal;
}

/**
 * Updates a method to its current state at the gateway. One that is attached to no customer there can no longer be
 * charged, and one that is attached to another customer does not belong to this one: both are removed from the wallet,
 * and nothing of the other customer's is written. A method that is still being verified is left to its verification.
 *
 * @param found - as read at the gateway; not part of the body by which a repeat is compared, so that a repeated
 *   reading, which may have found something newer, returns the first result
 * @throws PersonaError customer_not_found
 */
export async function followPaymentMethod(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; payment_method_id: string; found: GatewayPaymentMethod },
): Promise<FollowedMethod> {
  const { customer_id, payment_method_id, found } = input;
  const ids = { customer_id, payment_method_id };
  return runCommand(graph, header, 'followPaymentMethod', ids, async (tx): Promise<FollowedMethod> => {
    const [customer, wallet] = await Promise.all([tx.lockCustomer(customer_id), openWallet(tx, customer_id)]);
    return followLocked(tx, { customer, wallet, payment_method_id, found });
  });
}

/** The same inside a command that has locked the customer. */
export async function followLocked(
  tx: CommandTx,
  {
    customer,
    wallet,
    payment_method_id,
    found,
  }: { customer: CustomerNode; wallet: Wallet; payment_method_id: string; found: GatewayPaymentMethod },
): Promise<FollowedMethod> {
  const method = wallet.methods.find((candidate) => candidate.payment_method_id === payment_method_id);
  if (method === undefined || method.removed_at !== null) return { change: 'none' };
  const { gateway_customer_ref: ownRef } = customer;
  const { gateway_customer_ref: attachedRef } = found;
  if (ownRef !== undefined && attachedRef === ownRef)
    return applyDetails(tx, wallet, method, { customer_id: customer.id, found });
  const { status: payment_method_status } = method;
  if (ownRef === undefined || payment_method_status === 'unverified') {
    return { change: 'none', payment_method_status };
  }
  if (attachedRef === undefined) {
    wallet.remove(payment_method_id, 'detached at the gateway');
    return { change: 'removed' };
  }
  wallet.remove(payment_method_id, 'another customer’s at the gateway');
  return { change: 'removed', refused: 'token_belongs_to_other_customer' };
}

async function applyDetails(
  tx: CommandTx,
  wallet: Wallet,
  method: Readonly<WalletMethod>,
  { customer_id, found }: { customer_id: string; found: GatewayPaymentMethod },
): Promise<FollowedMethod> {
  const { payment_method_id } = method;
  const changes = changedDetails(method, found, tx.keyOf(customer_id));
  if (changes === undefined) return { change: 'none', payment_method_status: method.status };
  wallet.update(payment_method_id, changes);
  await applyDerivedStatus(tx, wallet, { customer_id, payment_method_id, changes });
  return { change: 'updated', payment_method_status: wallet.find(payment_method_id).status };
}
