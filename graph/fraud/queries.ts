import { PersonaError } from '../../domain/errors.ts';
import type { KnownFraudCase } from '../../domain/fraud/state.ts';
import { suspensionNotificationId } from '../../domain/workflow-contracts.ts';
import type { Reader } from '../kernel/reader.ts';
import type { NoticeDue } from '../recovery/notices-due.ts';

// No command writes for an erased or merged customer.
const CASE = `
  MATCH (f:FraudCase {case_id: $case_id})
  MATCH (c:Customer {id: f.customer_id}) WHERE NOT c.status IN ['erasing', 'erased', 'merged']
  RETURN f.customer_id AS customer_id, c.status AS customer_status, f.outcome AS outcome, f.state AS state,
    f.review_since.epochMillis AS since, f.reminded_at IS NOT NULL AS reminded, f.notice_due AS notice_due`;

interface CaseRow extends Pick<KnownFraudCase, 'customer_id' | 'customer_status' | 'outcome'> {
  state: string;
  since: number | null;
  reminded: boolean;
  notice_due: string | null;
}

/** The current state of a case; `undefined`: no outcome of it was applied, or its customer is erased or merged. */
export async function getFraudCase(reader: Reader, case_id: string): Promise<KnownFraudCase | undefined> {
  const [row] = await reader.read<CaseRow>(CASE, { case_id });
  if (row === undefined) return undefined;
  const { state, since, reminded, notice_due, ...known } = row;
  return {
    ...known,
    ...(state === 'needs_review' && since !== null && { review: { since, reminded } }),
    ...(notice_due !== null && { notice_due }),
  };
}

/** @throws PersonaError fraud_case_not_found */
export async function requireFraudCase(reader: Reader, case_id: string): Promise<KnownFraudCase> {
  const found = await getFraudCase(reader, case_id);
  if (found === undefined)
    throw new PersonaError('fraud_case_not_found', `there is no fraud case ${case_id}`);
  return found;
}

const NEWEST = `
  MATCH (f:FraudCase {customer_id: $customer_id})
  RETURN f.case_id AS case_id ORDER BY f.last_occurred_at DESC, f.case_id LIMIT 1`;

/** The newest case of a customer; `undefined`: there is none. */
export async function findNewestFraudCase(
  reader: Reader,
  input: { customer_id: string },
): Promise<string | undefined> {
  const [row] = await reader.read<{ case_id: string }>(NEWEST, input);
  return row?.case_id;
}

/** A fraud case under review. */
export interface FraudReview {
  case_id: string;
  customer_id: string;
  reason: string | null;
  /** RFC 3339. */
  since: string;
}

// With OR instead of CASE the planner seeks twice and sorts all rows; it needs all properties to use the index.
const REVIEWS = `
  MATCH (f:FraudCase)
  USING INDEX SEEK f:FraudCase(state, review_since, case_id)
  WHERE f.state = 'needs_review' AND f.review_since >= datetime($after.since) AND f.case_id IS NOT NULL
    AND CASE WHEN f.review_since > datetime($after.since) THEN true ELSE f.case_id > $after.case_id END
    AND EXISTS { MATCH (c:Customer {id: f.customer_id}) WHERE NOT c.status IN ['erasing', 'erased', 'merged'] }
  WITH f ORDER BY f.state, f.review_since, f.case_id LIMIT $limit
  RETURN f.case_id AS case_id, f.customer_id AS customer_id, f.reason AS reason, toString(f.review_since) AS since`;

type FraudReviewCursor = Pick<FraudReview, 'since' | 'case_id'>;
const FIRST_PAGE: FraudReviewCursor = { since: '1970-01-01T00:00:00Z', case_id: '' };

/**
 * Cases under review, oldest first: one page.
 * @param input.after the last one of the previous page
 */
export function getFraudReviews(
  reader: Reader,
  { after = FIRST_PAGE, limit }: { after?: FraudReviewCursor; limit: number },
): Promise<FraudReview[]> {
  const { since, case_id } = after;
  return reader.read<FraudReview>(REVIEWS, { after: { since, case_id }, limit });
}

// An erased customer cannot be notified, and has no stream to record it in.
const NOTICES_DUE = `
  MATCH (f:FraudCase)
  USING INDEX SEEK f:FraudCase(notice_due)
  WHERE f.notice_due > $after AND f.notice_at < datetime($before)
    AND EXISTS { MATCH (c:Customer {id: f.customer_id}) WHERE NOT c.status IN ['erasing', 'erased'] }
  RETURN f.case_id AS case_id, f.customer_id AS customer_id, f.notice_due AS notification_id,
    f.notice_at.epochMillis AS due_since
  ORDER BY f.notice_due LIMIT $limit`;

type Row = Pick<NoticeDue, 'customer_id' | 'notification_id' | 'due_since'> & { case_id: string };

/**
 * Due notices of suspensions: one page, ordered by case.
 *
 * @param input.after the last case of the previous page, or empty
 * @param input.before epoch milliseconds: later suspensions are left to their own workflow run
 * @returns `last`: the page's last case; absent: there are no more pages
 */
export async function findSuspensionNoticesDue(
  reader: Reader,
  { after, limit, before }: { after: string; limit: number; before: number },
): Promise<{ due: NoticeDue[]; last?: string }> {
  const rows = await reader.read<Row>(NOTICES_DUE, {
    after: after && suspensionNotificationId(after),
    before: new Date(before).toISOString(),
    limit,
  });
  const last = rows.length === limit ? rows.at(-1)?.case_id : undefined;
  const due = rows.map((row) => ({ ...row, template: 'account_suspended' as const }));
  return { due, ...(last === undefined ? {} : { last }) };
}
