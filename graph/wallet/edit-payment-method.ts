import { CHOSEN_BY } from '../../domain/wallet.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { openWallet } from './wallet.ts';
import type { Wallet } from './wallet.ts';

interface MethodRef {
  customer_id: string;
  payment_method_id: string;
}

/** `changed`: false, it was so already, and no event was written. `version` is the customer's. */
export interface Edited {
  changed: boolean;
  version: number;
}

/**
 * @param input.reason - whose wish or which rule; it stands in the event
 * @throws PersonaError customer_not_found, payment_method_not_found, illegal_transition
 */
export async function updatePaymentMethodStatus(
  graph: Graph,
  header: CommandHeader,
  input: MethodRef & { status: PaymentMethodStatus; reason: string },
): Promise<Edited> {
  return edit(graph, header, 'updatePaymentMethodStatus', input, (wallet) =>
    wallet.changeStatus(input.payment_method_id, input.status, input.reason),
  );
}

/**
 * @param input.by - who wishes it; a suspended customer may not
 * @throws PersonaError customer_not_found, customer_suspended, payment_method_not_found, illegal_transition (it is not
 * active, or not proven to be the customer's)
 */
export async function setDefaultPaymentMethod(
  graph: Graph,
  header: CommandHeader,
  input: MethodRef & { by: 'customer' | 'service' },
): Promise<Edited> {
  return edit(graph, header, 'setDefaultPaymentMethod', input, (wallet) =>
    wallet.makeDefault(input.payment_method_id, `${CHOSEN_BY} ${input.by}`),
  );
}

/**
 * The customer's consent to be charged without being present.
 * @param input.source - `service`, `customer`, `network_revocation`, or as a service sent it
 * @throws PersonaError customer_not_found, customer_suspended (a customer's own consent), payment_method_not_found
 */
export async function setOffSessionConsent(
  graph: Graph,
  header: CommandHeader,
  input: MethodRef & { off_session_consent: boolean; source: string },
): Promise<Edited> {
  const { payment_method_id, off_session_consent, source } = input;
  return edit(graph, header, 'setOffSessionConsent', { ...input, by: source }, (wallet, tx) =>
    wallet.setConsent(payment_method_id, off_session_consent, source, tx.header.occurredAt),
  );
}

async function edit(
  graph: Graph,
  header: CommandHeader,
  name: string,
  input: MethodRef & { by?: string },
  change: (wallet: Wallet, tx: CommandTx) => boolean,
): Promise<Edited> {
  const { customer_id } = input;
  return runCommand(graph, header, name, input, async (tx) => {
    const [customer, wallet] = await Promise.all([tx.lockCustomer(customer_id), openWallet(tx, customer_id)]);
    if (customer.status === 'suspended' && input.by === 'customer') {
      throw new PersonaError('customer_suspended', `customer ${customer_id} is suspended`);
    }
    return { changed: change(wallet, tx), version: tx.versionOf(customer_id) };
  });
}
