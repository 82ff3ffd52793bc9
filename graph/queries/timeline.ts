import { isHidden } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { MethodName } from '../../domain/texts/language.ts';
import { describeEvent } from '../../domain/timeline.ts';
import {
  type EventDetail,
  type EventNote,
  eventDetail,
  type LoggedEvent,
  openNotes,
  type TimelineContext,
} from '../../domain/timeline-detail.ts';
import { provenOtherwise } from '../events/proof.ts';
import type { Graph } from '../kernel/graph.ts';
import { readWithOpenKey } from '../kernel/key-store.ts';
import { openContest, type StoredContest } from '../rights/contests.ts';

/** One event of a customer's stream, described for the customer (docs/reference/interfaces.md, 'Shapes of responses'). */
export interface TimelineEntry {
  seq: number;
  /** The event's type, or `Masked` if the customer must not see it. */
  type: string;
  /** RFC 3339. */
  occurred_at: string;
  text: string;
  /** The customer's notes on it, oldest first; absent if there are none. */
  notes?: EventNote[];
}

/** What describing a customer's events needs. */
const CUSTOMER = `
  c.status AS status, c.locale AS locale,
    COLLECT {
      MATCH (c)-[h:HAS_PAYMENT_METHOD]->(p) RETURN p {.id, .brand, .last_four, proven: ${provenOtherwise('h')}}
    } AS methods,
    COLLECT { MATCH (c)-[s:SHIPPED_TO]->(a) RETURN a {.id, proven: ${provenOtherwise('s')}} } AS addresses`;

const NOTES = `COLLECT {
        MATCH (n:Note {customer_id: $id, about_seq: e.seq})
        RETURN n {.text, .noted_at} ORDER BY n.noted_at, n.note_id
      }`;

const READ_TIMELINE = `
  MATCH (c:Customer {id: $id})
  RETURN ${CUSTOMER},
    COLLECT {
      MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.seq < $before
      WITH e ORDER BY e.seq DESC LIMIT $limit
      RETURN e {.seq, .type, .schema_version, .occurred_at, .data, notes: ${NOTES}}
    } AS events`;

const READ_DETAILS = `
  MATCH (c:Customer {id: $id})
  RETURN ${CUSTOMER},
    COLLECT {
      MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.seq > $after
      WITH e ORDER BY e.seq LIMIT $limit
      RETURN e {
        .seq, .type, .schema_version, .occurred_at, .recorded_at, .source, .actor, .causation_id, .data,
        notes: ${NOTES},
        contest: head(COLLECT {
          MATCH (x:Contest {contest_id: $id + ':' + toString(e.seq)})
          RETURN x {.contest_id, .seq, .state, .reason, .explanation, .opened_at, .decided_at}
        })
      }
    } AS events`;

interface TimelineRow<Event> {
  status: string;
  locale: string | null;
  events: Event[];
  methods: (MethodName & Provable)[];
  addresses: Provable[];
}

interface Provable {
  id: string;
  /** Contests apart: a person sees what they contest. */
  proven: boolean;
}

type StoredEvent<Fields extends keyof LoggedEvent> = Pick<LoggedEvent, Fields> & { data: string };
type Described = 'seq' | 'type' | 'schema_version' | 'occurred_at' | 'notes';

/**
 * A customer's events, newest first.
 * @param input.before - only events with a smaller `seq`
 * @throws PersonaError customer_not_found, also if the customer is erased
 */
export async function getTimeline(
  graph: Graph,
  {
    customer_id,
    limit,
    before = Number.MAX_SAFE_INTEGER,
  }: { customer_id: string; limit: number; before?: number },
): Promise<TimelineEntry[]> {
  const read = { cypher: READ_TIMELINE, parameters: { before, limit } };
  const { events, context } = await readEvents<StoredEvent<Described>>(graph, customer_id, read);
  return events.map(({ seq, type, schema_version, occurred_at, data, notes }) => ({
    seq,
    occurred_at,
    ...describeEvent({ type, schema_version, data: JSON.parse(data) }, context),
    ...(notes.length > 0 && { notes: openNotes({ seq, notes }, context) }),
  }));
}

/**
 * A customer's events with all that the customer may see of them, oldest first: a page of any number of them.
 * @param input.after - only events with a greater `seq`
 * @throws PersonaError customer_not_found, also if the customer is erased
 */
export async function getEventDetails(
  graph: Graph,
  { customer_id, after, limit }: { customer_id: string; after: number; limit: number },
): Promise<EventDetail[]> {
  const read = { cypher: READ_DETAILS, parameters: { after, limit } };
  type Stored = StoredEvent<Exclude<keyof LoggedEvent, 'contest'>> & { contest: StoredContest | null };
  const { events, context } = await readEvents<Stored>(graph, customer_id, read);
  return events.map(({ contest, data, ...event }) =>
    eventDetail(
      {
        ...event,
        data: JSON.parse(data),
        ...(contest !== null && { contest: openContest(contest, { open: context.unseal }) }),
      },
      context,
    ),
  );
}

/** @throws PersonaError customer_not_found, also if the customer is erased */
async function readEvents<Event>(
  graph: Graph,
  customer_id: string,
  statement: { cypher: string; parameters: Record<string, unknown> },
): Promise<{ events: Event[]; context: TimelineContext }> {
  const owner = { label: 'CustomerKey', id: customer_id } as const;
  const { row, key } = await readWithOpenKey<TimelineRow<Event>>(graph, owner, statement);
  if (row === undefined || isHidden(row.status) || key === undefined)
    throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  const { events, locale, methods, addresses } = row;
  const context = {
    customer_id,
    locale,
    methods: new Map(methods.filter(({ proven }) => proven).map((method) => [method.id, method])),
    proven: new Map([...methods, ...addresses].map(({ id, proven }) => [id, proven])),
    unseal: (sealed: string, label: string, id: string, field: string) => key.open(sealed, label, id, field),
  };
  return { events, context };
}
