import type { Reader } from '../graph.ts';

export interface ObligationInReview {
  payment_id: string;
  customer_id: string;
  /** Minor units. */
  amount: number;
  currency: string;
  opened_at: string;
}

// With few rows the planner would otherwise read everything under review and sort it.
const PAGE = `
  MATCH (o:Obligation)
  USING INDEX SEEK o:Obligation(state, rule, payment_id)
  WHERE o.state = 'needs_review' AND o.rule = $rule AND o.payment_id > $after
  RETURN o.payment_id AS payment_id, o.customer_id AS customer_id, o.amount AS amount, o.currency AS currency,
    o.opened_at AS opened_at
  ORDER BY o.state, o.rule, o.payment_id LIMIT $limit`;

/**
 * Obligations that wait for an operator by this rule: a page, ordered by payment id.
 * @param input.after the last payment of the previous page, or empty
 */
export function getInReview(
  reader: Reader,
  input: { rule: string; after: string; limit: number },
): Promise<ObligationInReview[]> {
  return reader.read<ObligationInReview>(PAGE, input);
}

const COUNT = `
  MATCH (o:Obligation)
  USING INDEX SEEK o:Obligation(state, rule, payment_id)
  WHERE o.state = 'needs_review' AND o.rule = $rule AND o.payment_id > ''
  RETURN count(o) AS found`;

/** How many obligations wait for an operator by this rule. */
export async function countInReview(reader: Reader, rule: string): Promise<number> {
  const [row] = await reader.read<{ found: number }>(COUNT, { rule });
  return row?.found ?? 0;
}
