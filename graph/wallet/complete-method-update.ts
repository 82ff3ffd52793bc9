import { mayConsent } from '../../domain/wallet.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { openWallet } from './wallet.ts';

/**
 * Completes an accepted change: the expiry is not sent to the gateway again, and the consent that was given with it
 * takes effect. A later request for another expiry is left unchanged.
 *
 * @param outcome.expiry - the expiry that the gateway has, or has rejected: `YYYY-MM`
 * @param outcome.taken - whether the gateway has it. Not part of the body by which a repeat is compared: a repeated
 *   reading returns the first result
 * @throws PersonaError customer_not_found, payment_method_not_found
 */
export async function completeMethodUpdate(
  graph: Graph,
  header: CommandHeader,
  ids: { customer_id: string; payment_method_id: string },
  outcome: { expiry: string; taken: boolean },
): Promise<void> {
  const { customer_id, payment_method_id } = ids;
  await runCommand(graph, header, 'completeMethodUpdate', { customer_id, payment_method_id }, async (tx) => {
    await tx.lockCustomer(customer_id);
    const wallet = await openWallet(tx, customer_id);
    const { expiry_wanted, consent_wanted, ...method } = wallet.find(payment_method_id);
    if (expiry_wanted !== outcome.expiry) return;
    // If the network has revoked the consent since, only the customer's own consent restores it.
    const isConsentDue = consent_wanted !== null && method.proven && mayConsent(method, consent_wanted);
    if (outcome.taken && isConsentDue)
      wallet.setConsent(payment_method_id, true, consent_wanted, tx.header.occurredAt);
    wallet.clearExpiryRequest(payment_method_id);
  });
}
