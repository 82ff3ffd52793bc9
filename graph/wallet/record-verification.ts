import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import { expiresOn, isExpired, transition } from '../../domain/payment-method.ts';
import type { AttachAnswer } from '../../domain/ports.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { changedDetails } from './details.ts';
import type { WalletMethod } from './wallet.ts';
import { openWallet } from './wallet.ts';

export interface Verification {
  customer_id: string;
  payment_method_id: string;
  /** The customer at the gateway, if it was created or found there. */
  gateway_customer_ref?: string;
  answer: AttachAnswer;
}

export interface Verified {
  payment_method_id: string;
  payment_method_status: PaymentMethodStatus;
  is_default: boolean;
  default_payment_method_id?: string;
  /** The customer's. */
  version: number;
}

/**
 * What the gateway said about a new method: the customer's reference there, the card's details (the gateway's win), the
 * status, and the default if there is none yet.
 * @throws PersonaError customer_not_found, payment_method_not_found
 */
export async function recordVerification(
  graph: Graph,
  header: CommandHeader,
  input: Verification,
): Promise<Verified> {
  const { customer_id, payment_method_id, answer } = input;
  return runCommand(graph, header, 'recordVerification', input, async (tx) => {
    const [customer, wallet] = await Promise.all([tx.lockCustomer(customer_id), openWallet(tx, customer_id)]);
    const method = wallet.find(payment_method_id);
    if (input.gateway_customer_ref !== undefined && customer.gateway_customer_ref === undefined) {
      recordReference(tx, customer_id, input.gateway_customer_ref);
    }
    if (answer.result === 'attached') {
      const changes = changedDetails(method, answer.method, tx.keyOf(customer_id));
      if (changes !== undefined) wallet.update(payment_method_id, changes);
    }
    const status = verifiedStatus(answer, Date.parse(tx.recordedAt), method);
    const reason = answer.result === 'attached' ? 'verified' : `gateway:${answer.reason}`;
    // A method that was compromised or put aside meanwhile stays so: the gateway's word came too late.
    if (transition(method.status, status) === 'legal') wallet.changeStatus(payment_method_id, status, reason);
    const defaultId = wallet.defaultId;
    return {
      payment_method_id,
      payment_method_status: wallet.find(payment_method_id).status,
      is_default: defaultId === payment_method_id,
      ...(defaultId === null ? {} : { default_payment_method_id: defaultId }),
      version: tx.versionOf(customer_id),
    };
  });
}

/** Writes who the customer is at the gateway. */
export function recordReference(tx: CommandTx, customerId: string, reference: string): void {
  const sealed = tx.keyOf(customerId).seal(reference, 'Customer', customerId, 'gateway_customer_ref');
  tx.append({
    stream: 'customer',
    stream_id: customerId,
    type: 'CustomerProfileUpdated',
    data: { gateway_customer_ref: sealed },
  });
}

function verifiedStatus(answer: AttachAnswer, now: number, method: WalletMethod): PaymentMethodStatus {
  if (answer.result === 'refused') return 'failed';
  const { expiry_month = method.expiry_month, expiry_year = method.expiry_year } = answer.method;
  const expired =
    expiry_month !== null && expiry_year !== null && isExpired(expiresOn(expiry_month, expiry_year), now);
  return expired ? 'expired' : 'active';
}
