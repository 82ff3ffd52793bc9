import type { DeclineDecision } from '../../domain/decline/classify.ts';
import { consequencesOf } from '../../domain/decline/consequences.ts';
import type { CommandTx } from '../kernel/command-tx.ts';

const OTHER_RECOVERIES = `
  MATCH (:Customer {id: $customer_id})-[:OWES]->(o:Obligation)
  WHERE o.state IN ['open', 'needs_review'] AND o.payment_id <> $payment_id
    AND o.failed_payment_method_id = $payment_method_id AND o.consent_revoked IS NULL
  RETURN o.payment_id AS payment_id ORDER BY payment_id`;

/**
 * Marks the customer's other recoveries that a withdrawn consent also ends: those that failed on the same method
 * (docs/reference/decline-codes.md, 'What a decline teaches'). Nothing is claimed for them any more, whether or
 * not their runs are signalled; each run ends its own recovery.
 */
export async function endOtherRecoveries(
  tx: CommandTx,
  decision: DeclineDecision,
  input: { customer_id: string; payment_id: string; payment_method_id: string },
): Promise<string[]> {
  if (!consequencesOf(decision).endsOtherRecoveries) return [];
  const rows = await tx.read<{ payment_id: string }>(OTHER_RECOVERIES, input);
  for (const { payment_id: id } of rows) {
    const data = { label: 'Obligation', id, property: 'consent_revoked', value: true } as const;
    tx.append({ stream: 'customer', stream_id: input.customer_id, type: 'NodePropertyChanged', data });
  }
  return rows.map((row) => row.payment_id);
}
