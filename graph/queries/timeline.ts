import { PersonaError } from '../../domain/errors.ts';
import type { MethodName } from '../../domain/texts/language.ts';
import { describeEvent } from '../../domain/timeline.ts';
import {
  type EventDetail,
  eventDetail,
  type LoggedEvent,
  type TimelineContext,
} from '../../domain/timeline-detail.ts';
import type { Graph } from '../kernel/graph.ts';
import { readWithOpenKey } from '../kernel/key-store.ts';
import type { Reader } from '../kernel/reader.ts';

/** One event of a customer's stream, described for the customer (docs/reference/interfaces.md, 'Shapes of responses'). */
export interface TimelineEntry {
  seq: number;
  /** The event's type, or `Masked` if the customer must not see it. */
  type: string;
  /** RFC 3339. */
  occurred_at: string;
  text: string;
}

/** What describing a customer's events needs. */
const CUSTOMER = `
  c.status AS status, c.locale AS locale,
    COLLECT { MATCH (c)-[:HAS_PAYMENT_METHOD]->(p) RETURN p {.id, .brand, .last_four} } AS methods`;

const READ_TIMELINE = `
  MATCH (c:Customer {id: $customer_id})
  RETURN ${CUSTOMER},
    COLLECT {
      MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.seq < $before
      RETURN e {.seq, .type, .schema_version, .occurred_at, .data} ORDER BY e.seq DESC LIMIT $limit
    } AS events`;

const READ_DETAILS = `
  MATCH (c:Customer {id: $id})
  RETURN ${CUSTOMER},
    COLLECT {
      MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.seq > $after
      RETURN e {
        .seq, .type, .schema_version, .occurred_at, .recorded_at, .source, .actor, .causation_id, .data
      } ORDER BY e.seq LIMIT $limit
    } AS events`;

interface TimelineRow<Event> {
  status: string;
  locale: string | null;
  events: Event[];
  methods: (MethodName & { id: string })[];
}

type StoredEvent<Fields extends keyof LoggedEvent> = Pick<LoggedEvent, Fields> & { data: string };
type Described = 'seq' | 'type' | 'schema_version' | 'occurred_at';

/**
 * A customer's events, newest first.
 * @param input.before - only events with a smaller `seq`
 * @throws PersonaError customer_not_found, also if the customer is erased
 */
export async function getTimeline(
  reader: Reader,
  input: { customer_id: string; limit: number; before?: number },
): Promise<TimelineEntry[]> {
  const { customer_id, limit, before = Number.MAX_SAFE_INTEGER } = input;
  const parameters = { customer_id, limit, before };
  const [row] = await reader.read<TimelineRow<StoredEvent<Described>>>(READ_TIMELINE, parameters);
  if (row === undefined || row.status === 'erased') throw unknownCustomer(customer_id);
  const { locale } = row;
  const methods = methodsById(row);
  return row.events.map(({ seq, type, schema_version, occurred_at, data }) => ({
    seq,
    occurred_at,
    ...describeEvent({ type, schema_version, data: JSON.parse(data) }, { methods, locale }),
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
  const { row, key } = await readWithOpenKey<TimelineRow<StoredEvent<keyof LoggedEvent>>>(
    graph,
    { label: 'CustomerKey', id: customer_id },
    { cypher: READ_DETAILS, parameters: { after, limit } },
  );
  if (row === undefined || row.status === 'erased' || key === undefined) throw unknownCustomer(customer_id);
  const context: TimelineContext = {
    customer_id,
    locale: row.locale,
    methods: methodsById(row),
    unseal: (sealed, label, id, field) => key.open(sealed, label, id, field),
  };
  return row.events.map((event) => eventDetail({ ...event, data: JSON.parse(event.data) }, context));
}

function methodsById({ methods }: Pick<TimelineRow<unknown>, 'methods'>): Map<string, MethodName> {
  return new Map(methods.map((method) => [method.id, method]));
}

function unknownCustomer(customerId: string): PersonaError {
  return new PersonaError('customer_not_found', `there is no customer ${customerId}`);
}
