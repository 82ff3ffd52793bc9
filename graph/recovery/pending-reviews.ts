import type { Reader } from '../graph.ts';

/** An obligation that waits for an operator; with `attempt_key`: for the resolution of that charge. */
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

/** The last entry of the previous page. */
export type ReviewCursor = Pick<PendingReview, 'rule' | 'payment_id'>;

const FIRST: ReviewCursor = { rule: '', payment_id: '' };
const UNRESOLVED_KEY = `
  head(COLLECT {
    MATCH (a:ChargeAttempt {payment_id: o.payment_id})
    WHERE a.source = 'recovery' AND a.state IN ['unknown', 'pending']
    RETURN a.key ORDER BY a.claimed_at LIMIT 1
  })`;

// With OR instead of CASE the planner seeks twice and sorts everything; it takes the index only for all of its
// properties.
const IN_REVIEW = `
  MATCH (o:Obligation)
  USING INDEX SEEK o:Obligation(state, rule, payment_id)
  WHERE o.state = 'needs_review' AND o.rule >= $after.rule AND o.payment_id IS NOT NULL
    AND CASE WHEN o.rule > $after.rule THEN true ELSE o.payment_id > $after.payment_id END
  WITH o ORDER BY o.state, o.rule, o.payment_id LIMIT $limit
  RETURN o.payment_id AS payment_id, o.customer_id AS customer_id, o.rule AS rule, o.amount AS amount,
    o.currency AS currency, toString(o.opened_at) AS opened_at, ${UNRESOLVED_KEY} AS attempt_key`;

/** A page of the obligations under review, ordered by rule and payment id. */
export function getPendingReviews(
  reader: Reader,
  { after = FIRST, limit }: { after?: ReviewCursor; limit: number },
): Promise<PendingReview[]> {
  const { rule, payment_id } = after;
  return reader.read<PendingReview>(IN_REVIEW, { after: { rule, payment_id }, limit });
}

// Few are unresolved: they are found by the index on their state.
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
 * Unresolved charges whose obligation was closed by an external payment: it stays closed, and an operator resolves
 * them. A page, ordered by key.
 *
 * @param input.after the last key of the previous page, or empty
 * @param input.asked epoch milliseconds by the attempt's state: for older attempts the gateway is no longer queried
 */
export function getUnresolvedChargesOfClosed(
  reader: Reader,
  { after, limit, asked }: { after: string; limit: number; asked: { unknown: number; pending: number } },
): Promise<PendingReview[]> {
  const [unknown, pending] = [asked.unknown, asked.pending].map((at) => new Date(at).toISOString());
  return reader.read<PendingReview>(UNRESOLVED_OF_CLOSED, { after, limit, asked: { unknown, pending } });
}
