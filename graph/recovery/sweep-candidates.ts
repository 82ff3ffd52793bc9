import type { Reader } from '../graph.ts';
import { UNRESOLVED } from './records.ts';

// One statement for each state: over several states the planner sorts all open obligations for each page.
const OBLIGATIONS_IN_STATE = `
  MATCH (o:Obligation)
  USING INDEX SEEK o:Obligation(state, payment_id)
  WHERE o.state = $state AND o.payment_id > $after
  WITH o ORDER BY o.state, o.payment_id LIMIT $limit
  RETURN o.payment_id AS payment_id`;

const UNRESOLVED_IN_STATE = `
  MATCH (a:ChargeAttempt)
  USING INDEX SEEK a:ChargeAttempt(state, payment_id)
  WHERE a.state = $state AND a.payment_id > $after AND a.source = 'recovery'
    AND coalesce(a.claim_deadline, a.claimed_at) < datetime($now)
  WITH a ORDER BY a.state, a.payment_id LIMIT $limit
  RETURN a.payment_id AS payment_id`;

// Few are due: the index on them is far shorter than the one on ids that the order suggests. An OR would read it twice.
const REFUNDS_DUE = `
  MATCH (o:Obligation)
  USING INDEX o:Obligation(refunds_due)
  WHERE o.refunds_due IS NOT NULL AND o.payment_id > $after
    AND coalesce(o.refund_at, datetime($now)) <= datetime($now)
  RETURN o.payment_id AS payment_id ORDER BY payment_id LIMIT $limit`;

/** Where a page starts, how long it is, and the current time. */
interface PageRequest {
  /** The last payment of the previous page, or empty. */
  after: string;
  limit: number;
  /** Epoch milliseconds. */
  now: number;
}

/** Payments, ordered by id. */
export interface PaymentPage {
  payment_ids: string[];
  /** Where the next page starts; absent after the last one. */
  next?: string;
}

/** Payments with a refund that is due by now. */
export async function findRefundsDue(
  reader: Reader,
  { after, limit, now }: PageRequest,
): Promise<PaymentPage> {
  const page = { after, limit, now: new Date(now).toISOString() };
  return mergePages([await readPaymentIds(reader, REFUNDS_DUE, page)], limit);
}

/**
 * Payments for which a recovery should be running: those still owed, and those with an unresolved charge.
 *
 * @param input.limit how many of each state
 */
export async function findSweepCandidates(reader: Reader, input: PageRequest): Promise<PaymentPage> {
  const { after, limit } = input;
  const now = new Date(input.now).toISOString();
  const lists = await Promise.all([
    ...['open', 'needs_review'].map((state) =>
      readPaymentIds(reader, OBLIGATIONS_IN_STATE, { after, limit, state }),
    ),
    ...UNRESOLVED.map((state) => readPaymentIds(reader, UNRESOLVED_IN_STATE, { after, limit, state, now })),
  ]);
  return mergePages(lists, limit);
}

async function readPaymentIds(
  reader: Reader,
  statement: string,
  parameters: Record<string, unknown>,
): Promise<string[]> {
  const rows = await reader.read<{ payment_id: string }>(statement, parameters);
  return rows.map((row) => row.payment_id);
}

/** A list that reached the limit may continue after its last id: the page ends at the lowest such id. */
function mergePages(lists: readonly (readonly string[])[], limit: number): PaymentPage {
  const ends = lists.filter((list) => list.length === limit).map((list) => list.at(-1) as string);
  const next = ends.sort()[0];
  const found = [...new Set(lists.flat())].sort();
  if (next === undefined) return { payment_ids: found };
  return { payment_ids: found.filter((id) => id <= next), next };
}
