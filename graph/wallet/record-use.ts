import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import { requireLogin } from '../devices/logins.ts';
import type { Graph } from '../graph.ts';
import { openWallet } from './wallet.ts';

export interface PaymentMethodUse {
  customer_id: string;
  payment_method_id: string;
  /** One that this customer uses. */
  device_id?: string;
}

/**
 * Counts a use of a method, at the command's `occurredAt`. A use older than the last known one counts, but does not
 * move `last_used` back.
 * @throws PersonaError customer_not_found, payment_method_not_found, device_not_found (not one of this customer's)
 */
export async function recordPaymentMethodUse(
  graph: Graph,
  header: CommandHeader,
  input: PaymentMethodUse,
): Promise<{ use_count: number; last_used: string; version: number }> {
  const { customer_id, payment_method_id, device_id } = input;
  return runCommand(graph, header, 'recordPaymentMethodUse', input, async (tx) => {
    const [, wallet] = await Promise.all([
      tx.lockCustomer(customer_id),
      openWallet(tx, customer_id),
      device_id === undefined ? undefined : requireLogin(tx, customer_id, device_id),
    ]);
    wallet.recordUse(payment_method_id, { at: tx.header.occurredAt, deviceId: device_id });
    const { use_count, last_used } = wallet.find(payment_method_id);
    return { use_count, last_used, version: tx.versionOf(customer_id) };
  });
}
