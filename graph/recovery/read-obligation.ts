/** How the recovery's commands read an obligation with its attempts. */

import { PersonaError } from '../../domain/errors.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';
import type { Reader } from '../graph.ts';
import type { AttemptNode, ObligationNode } from './records.ts';

export interface ObligationWithAttempts {
  obligation: ObligationNode;
  /** Own and reported ones, oldest first. */
  attempts: AttemptNode[];
}

const READ_PAYMENT = `
  OPTIONAL MATCH (o:Obligation {payment_id: $payment_id})
  RETURN properties(o) AS obligation,
    COLLECT { MATCH (a:ChargeAttempt {payment_id: $payment_id}) RETURN properties(a) ORDER BY a.claimed_at, a.key } AS attempts`;

/**
 * The obligation, if there is one, and every attempt: a report too old to open an obligation leaves only an attempt.
 */
export async function findPayment(
  reader: Reader,
  paymentId: string,
): Promise<{ known: ObligationWithAttempts | undefined; attempts: AttemptNode[] }> {
  const [row] = await reader.read<{ obligation: ObligationNode | null; attempts: AttemptNode[] }>(
    READ_PAYMENT,
    { payment_id: paymentId },
  );
  const { obligation = null, attempts = [] } = row ?? {};
  return { known: obligation ? { obligation, attempts } : undefined, attempts };
}

/** `undefined`: no message ever named this payment, or only failures too old to open an obligation. */
export async function findObligation(
  reader: Reader,
  paymentId: string,
): Promise<ObligationWithAttempts | undefined> {
  return (await findPayment(reader, paymentId)).known;
}

/** @throws PersonaError recovery_not_found */
export async function requireObligation(reader: Reader, paymentId: string): Promise<ObligationWithAttempts> {
  const found = await findObligation(reader, paymentId);
  if (found) return found;
  throw recoveryNotFound(paymentId);
}

const READ_OWNER = 'MATCH (o:Obligation {payment_id: $payment_id}) RETURN o.customer_id AS customer_id';

/**
 * Locks the customer who owes a payment. Only the customer's id is read before the lock: everything that a decision
 * depends on is read under it.
 * @throws PersonaError recovery_not_found
 */
export async function lockOwner(tx: CommandTx, paymentId: string): Promise<CustomerNode> {
  const [owner] = await tx.read<{ customer_id: string }>(READ_OWNER, { payment_id: paymentId });
  if (!owner) throw recoveryNotFound(paymentId);
  return tx.lockCustomer(owner.customer_id);
}

/**
 * An obligation under its customer's lock.
 * @throws PersonaError recovery_not_found
 */
export async function lockObligation(tx: CommandTx, paymentId: string): Promise<ObligationWithAttempts> {
  await lockOwner(tx, paymentId);
  return requireObligation(tx, paymentId);
}

function recoveryNotFound(paymentId: string): PersonaError {
  return new PersonaError('recovery_not_found', `there is no recovery of payment ${paymentId}`);
}
