/** What the graph stores of contests. */

import { type Contest, type ContestOutcome, contestId } from '../../domain/contests.ts';
import { isHidden } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { ContestedLink } from '../../domain/events/rights.ts';
import type { DataKey } from '../../security/data-key.ts';
import type { Graph } from '../kernel/graph.ts';
import { readWithOpenKey } from '../kernel/key-store.ts';
import type { Reader } from '../kernel/reader.ts';
import type { NoticeDue } from '../recovery/notices-due.ts';

/** A contest with its texts sealed. */
export interface StoredContest {
  contest_id: string;
  seq: number;
  state: Contest['state'];
  reason: string;
  explanation: string | null;
  opened_at: string;
  decided_at: string | null;
}

export const openContest = (
  { explanation, decided_at, ...contest }: StoredContest,
  key: Pick<DataKey, 'open'>,
): Contest => ({
  ...contest,
  reason: key.open(contest.reason, 'Contest', contest.contest_id, 'reason'),
  ...(explanation !== null && {
    explanation: key.open(explanation, 'Contest', contest.contest_id, 'explanation'),
  }),
  ...(decided_at !== null && { decided_at }),
});

const READ = `
  MATCH (x:Contest {contest_id: $contest_id})
  RETURN x.contest_id AS contest_id, x.seq AS seq, x.state AS state, x.reason AS reason,
    x.explanation AS explanation, x.opened_at AS opened_at, x.decided_at AS decided_at,
    x.opened_seq AS opened_seq, x.link_type AS link_type, x.link_id AS link_id`;

interface LinkColumns {
  link_type: ContestedLink['type'] | null;
  link_id: string | null;
}

function withLink<Row extends LinkColumns>({ link_type: type, link_id: id, ...row }: Row) {
  return { ...row, restricts: type === null || id === null ? null : { type, id } };
}

/** Of a locked customer, to open or decide it. */
export async function readContest(
  reader: Reader,
  ids: { customer_id: string; seq: number },
): Promise<(StoredContest & { opened_seq: number; restricts: ContestedLink | null }) | undefined> {
  const contest_id = contestId(ids.customer_id, ids.seq);
  const [row] = await reader.read<StoredContest & { opened_seq: number } & LinkColumns>(READ, { contest_id });
  return row && withLink(row);
}

const OF_CUSTOMER = `
  MATCH (c:Customer {id: $id})
  RETURN c.status AS status, COLLECT {
    MATCH (x:Contest {customer_id: $id}) WHERE x.state IS NOT NULL AND ($before IS NULL
      OR x.opened_at < datetime($before.opened_at) OR x.opened_at = datetime($before.opened_at) AND x.seq < $before.seq)
    WITH x ORDER BY x.opened_at DESC, x.seq DESC LIMIT $limit
    RETURN x {.contest_id, .seq, .state, .reason, .explanation, .opened_at, .decided_at}
  } AS contests`;

/** Where a page of a customer's contests starts: after the last one of the previous page. */
export type ContestPosition = Pick<Contest, 'opened_at' | 'seq'>;

/** A page of a customer's contests, newest first. @throws PersonaError customer_not_found */
export async function getContests(
  graph: Graph,
  { customer_id, limit, before }: { customer_id: string; limit: number; before?: ContestPosition },
): Promise<Contest[]> {
  const owner = { label: 'CustomerKey', id: customer_id } as const;
  const { row, key } = await readWithOpenKey<{ status: string; contests: StoredContest[] }>(graph, owner, {
    cypher: OF_CUSTOMER,
    parameters: { limit, before: before ?? null },
  });
  if (row === undefined || isHidden(row.status) || key === undefined)
    throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  return row.contests.map((contest) => openContest(contest, key));
}

/** What the process of a contest decides by. */
export interface ContestState {
  customer_id: string;
  isOpen: boolean;
  /** The place of the last opening's `EventContested`. */
  opened_seq: number;
  /** Epoch milliseconds. */
  opened_at: number;
  notice_due: string | null;
}

// No command writes for an erased or merged customer.
const STATE = `
  MATCH (x:Contest {contest_id: $contest_id})
  MATCH (c:Customer {id: x.customer_id}) WHERE NOT c.status IN ['erasing', 'erased', 'merged']
  RETURN x.customer_id AS customer_id, x.state = 'open' AS isOpen, x.opened_seq AS opened_seq,
    x.opened_at.epochMillis AS opened_at, x.notice_due AS notice_due`;

/** `undefined`: there is no such contest, or its customer is erased or merged. */
export async function getContestState(reader: Reader, contest_id: string): Promise<ContestState | undefined> {
  const [row] = await reader.read<ContestState>(STATE, { contest_id });
  return row;
}

const FOR_REVIEW = `
  MATCH (c:Customer {id: $customer_id}) WHERE NOT c.status IN ['erasing', 'erased', 'merged']
  MATCH (x:Contest {contest_id: $contest_id})
  RETURN x.state = 'open' AS isOpen, x.opened_seq AS opened_seq, x.link_type AS link_type, x.link_id AS link_id,
    head(COLLECT { MATCH (e:PersonaEvent {stream_id: $customer_id, seq: $seq}) RETURN e.type }) AS event_type`;

interface ContestForReview {
  isOpen: boolean;
  /** The place of the last opening's `EventContested`. */
  opened_seq: number;
  event_type: string;
}

/** What an operator decides by; `undefined`: there is no such contest, or its customer is erased or merged. */
export async function getContestForReview(
  reader: Reader,
  { customer_id, seq }: { customer_id: string; seq: number },
): Promise<(ContestForReview & { restricts: ContestedLink | null }) | undefined> {
  const ids = { customer_id, seq, contest_id: contestId(customer_id, seq) };
  const [row] = await reader.read<ContestForReview & LinkColumns>(FOR_REVIEW, ids);
  return row && withLink(row);
}

const DECISION = `
  MATCH (x:Contest {contest_id: $contest_id})
  WHERE x.notice_due = $notification_id
  RETURN x.state AS state`;

/** The decision that a notice is about; `undefined`: it is no longer due, or the event was contested again. */
export async function getContestDecision(
  reader: Reader,
  { contest_id, notification_id }: { contest_id: string; notification_id: string },
): Promise<ContestOutcome | undefined> {
  const [row] = await reader.read<{ state: Contest['state'] }>(DECISION, { contest_id, notification_id });
  return row === undefined || row.state === 'open' ? undefined : row.state;
}

/** A contest that awaits a decision. */
export interface OpenContest {
  contest_id: string;
  customer_id: string;
  seq: number;
  /** The place of its `EventContested`. */
  opened_seq: number;
  /** The contested event's type. */
  event_type: string;
  /** RFC 3339. */
  since: string;
}

const OPEN = `
  MATCH (x:Contest)
  USING INDEX SEEK x:Contest(state, opened_at, contest_id)
  WHERE x.state = 'open' AND x.opened_at >= datetime($after.since) AND x.contest_id IS NOT NULL
    AND CASE WHEN x.opened_at > datetime($after.since) THEN true ELSE x.contest_id > $after.contest_id END
    AND EXISTS { MATCH (c:Customer {id: x.customer_id}) WHERE NOT c.status IN ['erasing', 'erased', 'merged'] }
  WITH x ORDER BY x.state, x.opened_at, x.contest_id LIMIT $limit
  RETURN x.contest_id AS contest_id, x.customer_id AS customer_id, x.seq AS seq, x.opened_seq AS opened_seq,
    toString(x.opened_at) AS since, head(COLLECT {
      MATCH (e:PersonaEvent {stream_id: x.customer_id, seq: x.seq}) RETURN e.type
    }) AS event_type`;

type ContestCursor = Pick<OpenContest, 'since' | 'contest_id'>;
const FIRST_PAGE: ContestCursor = { since: '1970-01-01T00:00:00Z', contest_id: '' };

/**
 * Open contests, oldest first: one page.
 * @param input.after the last one of the previous page
 */
export function getOpenContests(
  reader: Reader,
  { after = FIRST_PAGE, limit }: { after?: ContestCursor; limit: number },
): Promise<OpenContest[]> {
  const { since, contest_id } = after;
  return reader.read<OpenContest>(OPEN, { after: { since, contest_id }, limit });
}

const COUNT_OVERDUE = `
  MATCH (x:Contest)
  USING INDEX SEEK x:Contest(state, opened_at, contest_id)
  WHERE x.state = 'open' AND x.opened_at < datetime($before) AND x.contest_id IS NOT NULL
    AND EXISTS { MATCH (c:Customer {id: x.customer_id}) WHERE NOT c.status IN ['erasing', 'erased', 'merged'] }
  RETURN count(*) AS overdue`;

/** @param before epoch milliseconds: those opened earlier and still open. @throws PersonaError graph_unavailable */
export async function countOverdueContests(reader: Reader, before: number): Promise<number> {
  const [row] = await reader.read<{ overdue: number }>(COUNT_OVERDUE, {
    before: new Date(before).toISOString(),
  });
  return row?.overdue ?? 0;
}

const NOTICES_DUE = `
  MATCH (x:Contest)
  USING INDEX SEEK x:Contest(notice_due)
  WHERE x.notice_due > $after AND x.notice_at < datetime($before)
    AND EXISTS { MATCH (c:Customer {id: x.customer_id}) WHERE NOT c.status IN ['erasing', 'erased'] }
  RETURN x.contest_id AS contest_id, x.customer_id AS customer_id, x.notice_due AS notification_id,
    x.notice_at.epochMillis AS due_since
  ORDER BY x.notice_due LIMIT $limit`;

/**
 * Due notices of decisions: one page, ordered by notification id.
 * @param input.after the last one of the previous page, or empty
 * @param input.before epoch milliseconds: later decisions are left to their own run
 */
export async function findContestNoticesDue(
  reader: Reader,
  { after, limit, before }: { after: string; limit: number; before: number },
): Promise<NoticeDue[]> {
  type Row = Pick<NoticeDue, 'customer_id' | 'notification_id' | 'due_since'> & { contest_id: string };
  const page = { after, limit, before: new Date(before).toISOString() };
  const rows = await reader.read<Row>(NOTICES_DUE, page);
  return rows.map((row) => ({ ...row, template: 'contest_decided' as const }));
}
