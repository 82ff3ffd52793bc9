import { PersonaError } from '../../domain/errors.ts';
import type { MethodName } from '../../domain/texts/language.ts';
import { describeEvent } from '../../domain/timeline.ts';
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

const READ_TIMELINE = `
  MATCH (c:Customer {id: $customer_id})
  RETURN c.status AS status, c.locale AS locale,
    COLLECT {
      MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.seq < $before
      RETURN e {.seq, .type, .schema_version, .occurred_at, .data} ORDER BY e.seq DESC LIMIT $limit
    } AS events,
    COLLECT { MATCH (c)-[:HAS_PAYMENT_METHOD]->(p) RETURN p {.id, .brand, .last_four} } AS methods`;

interface TimelineRow {
  status: string;
  locale: string | null;
  events: { seq: number; type: string; schema_version: number; occurred_at: string; data: string }[];
  methods: (MethodName & { id: string })[];
}

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
  const [row] = await reader.read<TimelineRow>(READ_TIMELINE, { customer_id, limit, before });
  if (row === undefined || row.status === 'erased')
    throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
  const { locale } = row;
  const methods = new Map(row.methods.map((method) => [method.id, method]));
  return row.events.map(({ seq, type, schema_version, occurred_at, data }) => ({
    seq,
    occurred_at,
    ...describeEvent({ type, schema_version, data: JSON.parse(data) }, { methods, locale }),
  }));
}
