import type { Decision } from '../../domain/decline/classify.ts';
import { effectsOf } from '../../domain/decline/effects.ts';
import type { Reader } from '../graph.ts';

const OTHERS = `
  MATCH (:Customer {id: $customer_id})-[:OWES]->(o:Obligation)
  WHERE o.state IN ['open', 'needs_review'] AND o.payment_id <> $payment_id
    AND o.failed_payment_method_id = $payment_method_id
  RETURN o.payment_id AS payment_id ORDER BY payment_id`;

/**
 * The customer's other recoveries that a withdrawn consent ends too: those that failed on the same method
 * (specification: decline codes, 'What a decline teaches is kept').
 */
export async function endedOthers(
  reader: Reader,
  decision: Decision,
  input: { customer_id: string; payment_id: string; payment_method_id: string },
): Promise<string[]> {
  if (!effectsOf(decision).endsOtherRecoveries) return [];
  const rows = await reader.read<{ payment_id: string }>(OTHERS, input);
  return rows.map((row) => row.payment_id);
}
