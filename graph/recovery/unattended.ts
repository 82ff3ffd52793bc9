import type { Reader } from '../graph.ts';
import { UNRESOLVED } from './records.ts';

const OPEN = `
  MATCH (o:Obligation)
  WHERE o.state IN ['open', 'needs_review'] AND o.payment_id > $after
  RETURN o.payment_id AS payment_id ORDER BY payment_id LIMIT $limit`;

const DOUBTFUL = `
  MATCH (a:ChargeAttempt)
  WHERE a.state IN $unresolved AND a.source = 'recovery' AND a.payment_id > $after
    AND coalesce(a.claim_deadline, a.claimed_at) < datetime($now)
  RETURN DISTINCT a.payment_id AS payment_id ORDER BY payment_id LIMIT $limit`;

// Few are due: the index on them is far shorter than the one on ids that the order suggests.
const REFUNDS_DUE = `
  MATCH (o:Obligation)
  USING INDEX o:Obligation(refunds_due)
  WHERE o.refunds_due IS NOT NULL AND o.payment_id > $after
    AND (o.refund_at IS NULL OR o.refund_at <= datetime($now))
  RETURN o.payment_id AS payment_id ORDER BY payment_id LIMIT $limit`;

/** Where a page begins and ends, and what time it is. */
interface PageOf {
  /** The last one of the page before, or empty. */
  after: string;
  limit: number;
  /** Epoch milliseconds. */
  now: number;
}

/** Payments of which Persona is to give something back by now. A page, in the order of their ids. */
export async function findRefundsDue(reader: Reader, { after, limit, now }: PageOf): Promise<string[]> {
  const page = { after, limit, now: new Date(now).toISOString() };
  const rows = await reader.read<{ payment_id: string }>(REFUNDS_DUE, page);
  return rows.map((row) => row.payment_id);
}

/**
 * Payments that a recovery should be looking after: those still owed, and those with a charge in doubt. A page, in the
 * order of their ids.
 */
export async function findUnattended(reader: Reader, input: PageOf): Promise<string[]> {
  const page = { after: input.after, limit: input.limit };
  const [open, doubtful] = await Promise.all([
    reader.read<{ payment_id: string }>(OPEN, page),
    reader.read<{ payment_id: string }>(DOUBTFUL, {
      ...page,
      unresolved: UNRESOLVED,
      now: new Date(input.now).toISOString(),
    }),
  ]);
  const ids = new Set([...open, ...doubtful].map((row) => row.payment_id));
  return [...ids].sort().slice(0, input.limit);
}
