/** Reads what is to be published, and records what was. */

import type { LoggedEvent } from '../../domain/outbox/records.ts';
import type { Graph } from '../kernel/graph.ts';
import { runTransaction } from '../kernel/run-transaction.ts';

// The index has the streams, each in its order. A scan that meets commits in progress may miss an event and see the next.
const READ_PAGE = `
  MATCH (e:Unpublished) USING INDEX e:Unpublished(stream_id, seq)
  WHERE e.stream_id >= $from AND e.seq > 0 AND NOT e.stream_id IN $except
  RETURN properties(e) AS event ORDER BY e.stream_id, e.seq LIMIT $limit`;
const WITH_EARLIER = `
  UNWIND $first AS first
  MATCH (earlier:PersonaEvent {stream_id: first.stream_id, seq: first.seq - 1})
  WHERE earlier:Unpublished
  RETURN first.stream_id AS stream_id`;
const MARK = `
  UNWIND $ids AS id
  MATCH (e:PersonaEvent {id: id})
  REMOVE e:Unpublished`;
const STORE_PUBLISHED_UNTIL = `
  MATCH (r:Relay {id: 'events'})
  SET r.published_until = datetime($at)`;

interface UnpublishedPage {
  /** Stream by stream. Of each stream, the first events that are unpublished, in order and without a gap. */
  readonly events: LoggedEvent[];
  /** Where the next page begins; absent: there are no more. */
  readonly next?: string;
  /** Whether events were left out because an earlier one of their stream was not visible yet. */
  readonly isPartial: boolean;
}

/**
 * @param options.from a stream's id: earlier ones are left out
 * @param options.except ids of streams to leave out
 * @throws PersonaError graph_unavailable
 */
export async function readUnpublished(
  graph: Graph,
  { from, except, limit }: { from: string; except: readonly string[]; limit: number },
): Promise<UnpublishedPage> {
  const rows = await graph.read<{ event: LoggedEvent }>(READ_PAGE, { from, except, limit });
  const page = rows.map(({ event }) => ({ ...event, causation_id: event.causation_id ?? null }));
  const contiguous = page.filter(isWithoutGap());
  const first = contiguous.filter(({ stream_id }, index) => contiguous[index - 1]?.stream_id !== stream_id);
  // An event that is committed has all earlier ones of its stream committed before it: this statement sees them.
  const held = await graph.read<{ stream_id: string }>(WITH_EARLIER, {
    first: first.map(({ stream_id, seq }) => ({ stream_id, seq })),
  });
  const heldIds = new Set(held.map(({ stream_id }) => stream_id));
  const events = contiguous.filter(({ stream_id }) => !heldIds.has(stream_id));
  const next = page.length === limit ? page.at(-1)?.stream_id : undefined;
  return { events, isPartial: events.length < page.length, ...(next !== undefined && { next }) };
}

/** Lets pass each stream's events up to its first gap. */
function isWithoutGap(): (event: LoggedEvent) => boolean {
  let previous: LoggedEvent | undefined;
  return (event) => {
    const isSameStream = previous?.stream_id === event.stream_id;
    if (isSameStream && event.seq !== Number(previous?.seq) + 1) return false;
    previous = event;
    return true;
  };
}

/** @throws PersonaError graph_unavailable */
export async function markPublished(graph: Graph, ids: readonly string[]): Promise<void> {
  await runTransaction(graph, async ({ send }) => send(MARK, { ids }));
}

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
