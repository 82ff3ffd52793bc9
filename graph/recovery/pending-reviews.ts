import type { Reader } from '../graph.ts';

/** An obligation that waits for a person; with `attempt_key` for one who says what became of that charge. */
export interface PendingReview {
  payment_id: string;
  customer_id: string;
  /** Why it waits. */
  rule: string;
  /** Minor units. */
  amount: number;
  currency: string;
  opened_at: string;
  attempt_key: string | null;
}

/** The last one of the page before. */
export type ReviewCursor = Pick<PendingReview, 'rule' | 'payment_id'>;

const FIRST: ReviewCursor = { rule: '', payment_id: '' };
const UNRESOLVED_KEY = `
  head(COLLECT {
    MATCH (a:ChargeAttempt {payment_id: o.payment_id})
    WHERE a.source = 'recovery' AND a.state IN ['unknown', 'pending']
    RETURN a.key ORDER BY a.claimed_at LIMIT 1
  })`;

// With OR instead of CASE the planner seeks twice and sorts everything; it takes the index only for all of its properties.
const IN_REVIEW = `
  MATCH (o:Obligation)
  USING INDEX SEEK o:Obligation(state, rule, payment_id)
  WHERE o.state = 'needs_review' AND o.rule >= $after.rule AND o.payment_id IS NOT NULL
    AND CASE WHEN o.rule > $after.rule THEN true ELSE o.payment_id > $after.payment_id END
  WITH o ORDER BY o.state, o.rule, o.payment_id LIMIT $limit
  RETURN o.payment_id AS payment_id, o.customer_id AS customer_id, o.rule AS rule, o.amount AS amount,
    o.currency AS currency, toString(o.opened_at) AS opened_at, ${UNRESOLVED_KEY} AS attempt_key`;

/** Obligations under review, by rule and payment: a page. */
export function getPendingReviews(
  reader: Reader,
  { after = FIRST, limit }: { after?: ReviewCursor; limit: number },
): Promise<PendingReview[]> {
  const { rule, payment_id } = after;
  return reader.read<PendingReview>(IN_REVIEW, { after: { rule, payment_id }, limit });
}

// Few: those in doubt, by the index on their state.
const UNRESOLVED_OF_CLOSED = `
  MATCH (a:ChargeAttempt)
  USING INDEX SEEK a:ChargeAttempt(state)
  WHERE a.state IN ['unknown', 'pending'] AND a.source = 'recovery' AND a.key > $after
    AND a.claimed_at < datetime(CASE a.state WHEN 'unknown' THEN $asked.unknown ELSE $asked.pending END)
  MATCH (o:Obligation {payment_id: a.payment_id}) WHERE o.closed_at IS NOT NULL
  WITH a, o ORDER BY a.key LIMIT $limit
  RETURN o.payment_id AS payment_id, o.customer_id AS customer_id, o.rule AS rule, o.amount AS amount,
    o.currency AS currency, toString(o.opened_at) AS opened_at, a.key AS attempt_key`;

/**
 * Charges in doubt whose obligation is closed, others having paid it: it stays closed, and a person says what became of
 * them. A page, in the order of their keys.
 *
 * @param input.after the key of the last one of the page before, or empty
 * @param input.asked since when (epoch milliseconds) the gateway is not asked any more, by the attempt's state
 */
export function getUnresolvedChargesOfClosed(
  reader: Reader,
  { after, limit, asked }: { after: string; limit: number; asked: { unknown: number; pending: number } },
): Promise<PendingReview[]> {
  const [unknown, pending] = [asked.unknown, asked.pending].map((at) => new Date(at).toISOString());
  return reader.read<PendingReview>(UNRESOLVED_OF_CLOSED, { after, limit, asked: { unknown, pending } });
}
