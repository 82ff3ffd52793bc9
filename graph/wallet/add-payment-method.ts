import { PersonaError } from '../../domain/errors.ts';
import type { PaymentMethodDetails } from '../../domain/onboarding-types.ts';
import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import { requestHash } from '../body-hash.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';
import { lockIdentities } from '../identity-locks.ts';
import { findTokenHolder, upsertWalletMethod } from './upsert-wallet-method.ts';
import { tokenHashes } from './token-hash.ts';
import { openWallet } from './wallet.ts';

export interface AddPaymentMethod {
  customer_id: string;
  method: PaymentMethodDetails & { device_id?: string };
  /** `customer`: signed in. */
  added_by: 'service' | 'customer';
}

export interface AddedPaymentMethod {
  payment_method_id: string;
  payment_method_status: PaymentMethodStatus;
  /** The customer's. */
  version: number;
  /** False: the customer had this method already. */
  added: boolean;
  request_hash: string;
}

const LINKED_DEVICE = `
  MATCH (:Customer {id: $customer_id})-[:LOGGED_IN_FROM]->(d:Device {id: $device_id})
  RETURN d.id AS device_id`;

/**
 * Adds a payment method to a customer's wallet, `unverified` until the gateway has it. The same token again is a use of
 * the same method; a removed or inactive one is added again under its old id.
 * @throws PersonaError customer_not_found, customer_suspended (a customer's own request), device_not_found (not one of
 * this customer's), token_belongs_to_other_customer
 */
export async function addPaymentMethod(
  graph: Graph,
  header: CommandHeader,
  input: AddPaymentMethod,
): Promise<AddedPaymentMethod> {
  const { customer_id, method, added_by } = input;
  return runCommand(graph, header, 'addPaymentMethod', input, async (tx) => {
    const hashes = tokenHashes(graph.blindIndex, method.token);
    lockIdentities(tx, hashes);
    const [customer, holder, [device]] = await Promise.all([
      tx.lockCustomer(customer_id),
      findTokenHolder(tx, hashes),
      method.device_id === undefined
        ? [{ device_id: null }]
        : tx.run<{ device_id: string }>(LINKED_DEVICE, { customer_id, device_id: method.device_id }),
    ]);
    if (customer.status === 'suspended' && added_by === 'customer') {
      throw new PersonaError('customer_suspended', `customer ${customer_id} is suspended`);
    }
    if (device === undefined) {
      throw new PersonaError('device_not_found', `customer ${customer_id} has no device ${method.device_id}`);
    }
    if (holder !== undefined && holder.customer_id !== customer_id) {
      throw new PersonaError(
        'token_belongs_to_other_customer',
        'this payment method belongs to another customer',
      );
    }
    const wallet = await openWallet(tx, customer_id);
    const upserted = upsertWalletMethod(tx, wallet, {
      customerId: customer_id,
      details: method,
      knownId: holder?.payment_method_id,
      addedBy: added_by,
      proven: true,
      deviceId: device.device_id,
    });
    return {
      payment_method_id: upserted.payment_method_id,
      payment_method_status: upserted.status,
      version: tx.versionOf(customer_id),
      added: upserted.added,
      request_hash: requestHash(graph, input),
    };
  });
}
