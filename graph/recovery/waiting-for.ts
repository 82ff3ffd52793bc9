import type { CommandTx } from '../command-tx.ts';
import type { ObligationNode } from './records.ts';

type Owed = Pick<ObligationNode, 'payment_id' | 'customer_id'>;

/** So many holders of one card, and so many of their obligations, are woken: any more ask again by themselves. */
const CROWD = 100;

// Of the same customer any attempt stood in the way; of the others one on the card that they hold, too.
const WAITING = `
  CALL () {
    MATCH (:Customer {id: $customer_id})-[:OWES]->(o:Obligation)
    WHERE o.state = 'open' AND o.payment_id <> $payment_id
    RETURN o.payment_id AS payment_id
    UNION
    MATCH (a:ChargeAttempt {key: $key}) WHERE $resolved
    MATCH (p:PaymentMethod {instrument_fingerprint: a.instrument_fingerprint})<-[:HAS_PAYMENT_METHOD]-(c:Customer)
    WHERE c.id <> $customer_id AND p.removed_at IS NULL
    WITH DISTINCT c LIMIT ${CROWD}
    MATCH (c)-[:OWES]->(o:Obligation) WHERE o.state = 'open'
    WITH o ORDER BY o.opened_at LIMIT ${CROWD}
    RETURN o.payment_id AS payment_id
  }
  RETURN payment_id ORDER BY payment_id`;

/** Open obligations that an attempt may have stood in the way of. @param input.resolved does it no longer? */
export async function waitingForIt(
  tx: CommandTx,
  input: Owed & { key: string; resolved: boolean },
): Promise<string[]> {
  const rows = await tx.run<{ payment_id: string }>(WAITING, { ...input });
  return rows.map((row) => row.payment_id);
}
