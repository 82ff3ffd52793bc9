/** Reads what is to be published, and records what was. */

import type { LoggedEvent } from '../../domain/outbox/records.ts';
import type { Graph } from '../kernel/graph.ts';
import { runTransaction } from '../kernel/run-transaction.ts';

// The index has the streams, each in its order. A scan that meets commits in progress may miss an event and see the next.
// Columns, and times as numbers: as a map with two DateTimes, reading an event would cost as much as publishing it.
const READ_PAGE = `
  MATCH (e:Unpublished) USING INDEX e:Unpublished(stream_id, seq)
  WHERE e.stream_id >= $stream_id AND e.seq > 0 AND (e.stream_id > $stream_id OR e.seq > $seq)
    AND NOT e.stream_id IN $except
  RETURN e.id AS id, e.stream AS stream, e.stream_id AS stream_id, e.seq AS seq, e.type AS type,
    e.schema_version AS schema_version, e.occurred_at.epochMillis AS occurred_at,
    e.recorded_at.epochMillis AS recorded_at, e.source AS source, e.actor AS actor,
    e.correlation_id AS correlation_id, e.causation_id AS causation_id, e.data AS data,
    e.traceparent AS traceparent
  ORDER BY e.stream_id, e.seq LIMIT $limit`;
const WITH_EARLIER = `
  UNWIND $first AS first
  MATCH (earlier:PersonaEvent {stream_id: first.stream_id, seq: first.seq - 1})
  WHERE earlier:Unpublished
  RETURN first.stream_id AS stream_id`;
const MARK = `
  UNWIND $ids AS id
  MATCH (e:PersonaEvent {id: id})
  REMOVE e:Unpublished`;
// Only where there is one: without a collector no event has a trace.
const FORGET_TRACES = `
  UNWIND $ids AS id
  MATCH (e:PersonaEvent {id: id})
  REMOVE e.traceparent`;
const STORE_PUBLISHED_UNTIL = `
  MATCH (r:Relay {id: 'events'})
  SET r.published_until = datetime($at)`;

type Row = Omit<LoggedEvent, 'occurred_at' | 'recorded_at' | 'traceparent'> & {
  occurred_at: number;
  recorded_at: number;
  traceparent: string | null;
};

/** After this event: those of its stream up to `seq`, and all earlier streams, are left out. */
export interface OutboxPosition {
  readonly stream_id: string;
  readonly seq: number;
}

export const OUTBOX_START: OutboxPosition = { stream_id: '', seq: 0 };

export interface UnpublishedPage {
  /** Stream by stream. Of each stream, the first events that are unpublished, in order and without a gap. */
  readonly events: LoggedEvent[];
  /** Where the next page begins; absent: there are no more. */
  readonly next?: OutboxPosition;
  /** Whether events were left out because an earlier one of their stream was not visible yet. */
  readonly isPartial: boolean;
}

/**
 * @param options.from where the page begins. The event at this position is published before anything of the page is
 * @param options.except ids of streams to leave out
 * @throws PersonaError graph_unavailable
 */
export async function readUnpublished(
  graph: Graph,
  { from, except, limit }: { from: OutboxPosition; except: readonly string[]; limit: number },
): Promise<UnpublishedPage> {
  const rows = await graph.read<Row>(READ_PAGE, { ...from, except, limit });
  const contiguous = rows.filter(isWithoutGap()).map(toEvent);
  const first = contiguous.filter(({ stream_id }, index) => contiguous[index - 1]?.stream_id !== stream_id);
  // An event that is committed has all earlier ones of its stream committed before it: this statement sees them.
  const held = await graph.read<{ stream_id: string }>(WITH_EARLIER, {
    first: first
      .filter(({ stream_id, seq }) => stream_id !== from.stream_id || seq !== from.seq + 1)
      .map(({ stream_id, seq }) => ({ stream_id, seq })),
  });
  const heldIds = new Set(held.map(({ stream_id }) => stream_id));
  const events = contiguous.filter(({ stream_id }) => !heldIds.has(stream_id));
  const last = rows.length === limit ? rows.at(-1) : undefined;
  if (last === undefined) return { events, isPartial: events.length < rows.length };
  // Of a stream of which something was left out, nothing after it may follow.
  const seq = events.at(-1)?.id === last.id ? last.seq : Number.MAX_SAFE_INTEGER;
  return { events, isPartial: events.length < rows.length, next: { stream_id: last.stream_id, seq } };
}

function toEvent({ occurred_at, recorded_at, traceparent, ...event }: Row): LoggedEvent {
  return {
    ...event,
    ...(traceparent !== null && { traceparent }),
    occurred_at: new Date(occurred_at).toISOString(),
    recorded_at: new Date(recorded_at).toISOString(),
  };
}

/** Lets pass each stream's events up to its first gap. */
function isWithoutGap(): (event: Row) => boolean {
  let previous: Row | undefined;
  return (event) => {
    const isSameStream = previous?.stream_id === event.stream_id;
    if (isSameStream && event.seq !== Number(previous?.seq) + 1) return false;
    previous = event;
    return true;
  };
}

/** @param events as they were read @throws PersonaError graph_unavailable */
export async function markPublished(
  graph: Graph,
  events: readonly Pick<LoggedEvent, 'id' | 'traceparent'>[],
): Promise<void> {
  const traced = events.filter(({ traceparent }) => traceparent !== undefined);
  await runTransaction(graph, async ({ send }) => {
    send(MARK, { ids: idsOf(events) });
    if (traced.length > 0) send(FORGET_TRACES, { ids: idsOf(traced) });
  });
}

const idsOf = (events: readonly Pick<LoggedEvent, 'id'>[]): string[] => events.map(({ id }) => id);

/**
 * Records that nothing committed before this time is unpublished.
 * @param at epoch milliseconds
 * @throws PersonaError graph_unavailable
 */
export async function storePublishedUntil(graph: Graph, at: number): Promise<void> {
  await runTransaction(graph, async ({ send }) =>
    send(STORE_PUBLISHED_UNTIL, { at: new Date(at).toISOString() }),
  );
}
