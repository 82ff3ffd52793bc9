import { mayConsent } from '../../domain/wallet.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { Graph } from '../graph.ts';
import { openWallet } from './wallet.ts';

/**
 * Ends a change that was taken on: the gateway is not asked for the date again, and the consent that came with the date
 * counts from now on. A later wish for another date stays as it is.
 *
 * @param settled.expiry - the date that the gateway has, or will not take: `YYYY-MM`
 * @param settled.taken - it has it. No part of what a repeat is compared by: a repeated reading gives the first answer
 * @throws PersonaError customer_not_found, payment_method_not_found
 */
export async function completeMethodUpdate(
  graph: Graph,
  header: CommandHeader,
  ids: { customer_id: string; payment_method_id: string },
  outcome: { expiry: string; taken: boolean },
): Promise<void> {
  const { customer_id, payment_method_id } = ids;
  await runCommand(graph, header, 'settleMethodUpdate', { customer_id, payment_method_id }, async (tx) => {
    await tx.lockCustomer(customer_id);
    const wallet = await openWallet(tx, customer_id);
    const { expiry_wanted, consent_wanted, ...method } = wallet.find(payment_method_id);
    if (expiry_wanted !== outcome.expiry) return;
    // Revoked by the network since, it returns by the customer's own consent alone.
    const isConsentDue = consent_wanted !== null && method.proven && mayConsent(method, consent_wanted);
    if (outcome.taken && isConsentDue)
      wallet.setConsent(payment_method_id, true, consent_wanted, tx.header.occurredAt);
    wallet.clearExpiryRequest(payment_method_id);
  });
}
