import type { Reader } from '../graph.ts';

export interface ObligationInReview {
  payment_id: string;
  customer_id: string;
  /** Minor units. */
  amount: number;
  currency: string;
  opened_at: string;
}

// While there are few, the planner would read all that is under review and sort it.
const PAGE = `
  MATCH (o:Obligation)
  USING INDEX SEEK o:Obligation(state, rule, payment_id)
  WHERE o.state = 'needs_review' AND o.rule = $rule AND o.payment_id > $after
  RETURN o.payment_id AS payment_id, o.customer_id AS customer_id, o.amount AS amount, o.currency AS currency,
    o.opened_at AS opened_at
  ORDER BY o.state, o.rule, o.payment_id LIMIT $limit`;

/**
 * Obligations that wait for a person by this rule: a page, in the order of their payments.
 * @param input.after the last one of the page before, or empty
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

/** How many obligations wait for a person by this rule. */
export async function countInReview(reader: Reader, rule: string): Promise<number> {
  const [row] = await reader.read<{ found: number }>(COUNT, { rule });
  return row?.found ?? 0;
}
