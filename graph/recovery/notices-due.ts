import { type NoticeInput, templateOf } from '../../domain/workflow-contracts.ts';
import type { Reader } from '../graph.ts';

/** A notice that a customer has not received yet. */
export type NoticeDue = NoticeInput & {
  /** When the obligation was closed: epoch milliseconds. */
  due_since: number;
};

// Few are due: the index on them is far shorter than the one on ids that the order suggests.
// An erased customer cannot be written to, and has no stream in which to record it.
const NOTICES_DUE = `
  MATCH (o:Obligation)
  USING INDEX o:Obligation(notices_due)
  WHERE o.notices_due IS NOT NULL AND o.payment_id > $after AND o.closed_at < datetime($before)
    AND EXISTS { MATCH (c:Customer {id: o.customer_id}) WHERE c.status <> 'erased' }
  RETURN o.payment_id AS payment_id, o.customer_id AS customer_id, o.notices_due AS notices_due,
    o.closed_at.epochMillis AS due_since
  ORDER BY payment_id LIMIT $limit`;

interface Row {
  payment_id: string;
  customer_id: string;
  due_since: number;
  notices_due: string[];
}

/**
 * Notices still due about recoveries that ended, and about refunds. A page, ordered by payment id.
 *
 * @param input.after the last payment of the previous page, or empty
 * @param input.before epoch milliseconds: recoveries that ended later are left to their own run
 * @returns `last`: the page's last payment; absent: there are no more pages
 */
export async function findNoticesDue(
  reader: Reader,
  { after, limit, before }: { after: string; limit: number; before: number },
): Promise<{ due: NoticeDue[]; last?: string }> {
  const page = { after, limit, before: new Date(before).toISOString() };
  const rows = await reader.read<Row>(NOTICES_DUE, page);
  const last = rows.length === limit ? rows.at(-1)?.payment_id : undefined;
  const due = rows.flatMap(({ notices_due, ...payment }) =>
    notices_due.map((notification_id) => ({
      ...payment,
      notification_id,
      template: templateOf(notification_id),
    })),
  );
  return { due, ...(last === undefined ? {} : { last }) };
}
