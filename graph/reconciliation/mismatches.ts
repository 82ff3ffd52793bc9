/** Mismatches for an operator: methods that differ at the gateway in a way that no rule may correct. */

import { type Mismatch, UNKNOWN_HERE } from '../../domain/reconciliation/mismatches.ts';
import { type CommandHeader, runCommand } from '../command.ts';
import type { Graph, Reader } from '../graph.ts';
import { openWallet } from '../wallet/wallet.ts';

/**
 * Records a method's mismatch with the gateway for an operator, or that there is none any more (`null`).
 *
 * @returns whether it is new
 * @throws PersonaError customer_not_found
 */
export function recordMismatch(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; payment_method_id: string; mismatch: Mismatch | null },
): Promise<boolean> {
  const { customer_id, payment_method_id, mismatch } = input;
  return runCommand(graph, header, 'recordMismatch', input, async (tx) => {
    await tx.lockCustomer(customer_id);
    const wallet = await openWallet(tx, customer_id);
    const method = wallet.methods.find((candidate) => candidate.payment_method_id === payment_method_id);
    if (method === undefined || method.removed_at !== null) return false;
    return wallet.setMismatch(payment_method_id, mismatch);
  });
}

const FIND_OF_WALLET = 'MATCH (c:Customer {id: $customer_id}) RETURN c.gateway_mismatch AS mismatch';

/**
 * The same for a customer whose wallet lacks a method that is attached at the gateway.
 *
 * @returns whether it is new
 * @throws PersonaError customer_not_found
 */
export function recordWalletMismatch(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; mismatch: typeof UNKNOWN_HERE | null },
): Promise<boolean> {
  const { customer_id: id, mismatch: value } = input;
  return runCommand(graph, header, 'recordWalletMismatch', input, async (tx) => {
    await tx.lockCustomer(id);
    const [customer] = await tx.read<{ mismatch: string | null }>(FIND_OF_WALLET, input);
    if (customer?.mismatch === value) return false;
    const data = { label: 'Customer', id, property: 'gateway_mismatch', value } as const;
    tx.append({ stream: 'customer', stream_id: id, type: 'NodePropertyChanged', data });
    return true;
  });
}

export interface FoundMismatch {
  payment_method_id: string;
  customer_id: string;
  mismatch: Mismatch;
}

const PAGE = `
  MATCH (p:PaymentMethod)
  USING INDEX SEEK p:PaymentMethod(gateway_mismatch, id)
  WHERE p.gateway_mismatch = $mismatch AND p.id > $after AND p.removed_at IS NULL
  MATCH (p)<-[:HAS_PAYMENT_METHOD]-(c:Customer)
  RETURN p.id AS payment_method_id, c.id AS customer_id, p.gateway_mismatch AS mismatch
  ORDER BY p.gateway_mismatch, p.id LIMIT $limit`;

/**
 * Methods with one kind of mismatch: one page, ordered by id.
 * @param input.after the last one of the previous page, or empty
 */
export function getMismatches(
  reader: Reader,
  input: { mismatch: Mismatch; after: string; limit: number },
): Promise<FoundMismatch[]> {
  return reader.read<FoundMismatch>(PAGE, input);
}

const WALLETS = `
  MATCH (c:Customer)
  USING INDEX SEEK c:Customer(gateway_mismatch, id)
  WHERE c.gateway_mismatch = $mismatch AND c.id > $after AND c.status IN ['active', 'suspended']
  RETURN c.id AS customer_id
  ORDER BY c.gateway_mismatch, c.id LIMIT $limit`;

/**
 * Customers with methods at the gateway that their wallets lack: one page, ordered by id.
 * @param input.after the last one of the previous page, or empty
 */
export function getWalletMismatches(
  reader: Reader,
  input: { after: string; limit: number },
): Promise<{ customer_id: string }[]> {
  return reader.read<{ customer_id: string }>(WALLETS, { ...input, mismatch: UNKNOWN_HERE });
}
