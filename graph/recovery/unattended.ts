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

const REFUNDS_DUE = `
  MATCH (o:Obligation)
  WHERE o.refunds_due IS NOT NULL AND o.payment_id > $after
  RETURN o.payment_id AS payment_id ORDER BY payment_id LIMIT $limit`;

/**
 * Payments that somebody should be looking after: those still owed, those with a charge in doubt, and those of which
 * something is to be given back. A page, in the order of their ids.
 *
 * @param input.after the last one of the page before, or empty
 * @param input.now epoch milliseconds
 */
export async function findUnattended(
  reader: Reader,
  input: { after: string; limit: number; now: number },
): Promise<string[]> {
  const page = { after: input.after, limit: input.limit };
  const [open, refunds, doubtful] = await Promise.all([
    reader.read<{ payment_id: string }>(OPEN, page),
    reader.read<{ payment_id: string }>(REFUNDS_DUE, page),
    reader.read<{ payment_id: string }>(DOUBTFUL, {
      ...page,
      unresolved: UNRESOLVED,
      now: new Date(input.now).toISOString(),
    }),
  ]);
  const ids = new Set([...open, ...refunds, ...doubtful].map((row) => row.payment_id));
  return [...ids].sort().slice(0, input.limit);
}
