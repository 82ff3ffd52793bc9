/** How the recovery's commands read an obligation with its attempts. */

import { PersonaError } from '../../domain/errors.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Reader } from '../graph.ts';
import type { AttemptNode, ObligationNode } from './records.ts';

const READ_OBLIGATION = `
  MATCH (o:Obligation {payment_id: $payment_id})
  RETURN properties(o) AS obligation,
    COLLECT { MATCH (a:ChargeAttempt {payment_id: $payment_id}) RETURN properties(a) ORDER BY a.claimed_at, a.key } AS attempts`;

export interface ObligationWithAttempts {
  obligation: ObligationNode;
  /** Own and reported ones, oldest first. */
  attempts: AttemptNode[];
}

/** `undefined`: nobody ever spoke of this payment. */
export async function findObligation(
  reader: Reader,
  paymentId: string,
): Promise<ObligationWithAttempts | undefined> {
  const [row] = await reader.read<ObligationWithAttempts>(READ_OBLIGATION, { payment_id: paymentId });
  return row;
}

/** @throws PersonaError recovery_not_found */
export async function requireObligation(reader: Reader, paymentId: string): Promise<ObligationWithAttempts> {
  const found = await findObligation(reader, paymentId);
  if (found) return found;
  throw new PersonaError('recovery_not_found', `there is no recovery of payment ${paymentId}`);
}

/**
 * An obligation under its customer's lock. What is read before the lock serves only to find the customer.
 * @throws PersonaError recovery_not_found
 */
export async function lockObligation(tx: CommandTx, paymentId: string): Promise<ObligationWithAttempts> {
  const { obligation } = await requireObligation(tx, paymentId);
  await tx.lockCustomer(obligation.customer_id);
  return requireObligation(tx, paymentId);
}
