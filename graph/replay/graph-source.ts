import type { StreamKind } from '../../domain/events/event.ts';
import type { Graph } from '../kernel/graph.ts';
import type { LogSource, SourceEvent, SourcePage } from './log-source.ts';
import type { StoredEvent } from './stream.ts';

/** Events per page. */
const PAGE = 1_000;

const DATABASE = 'CALL db.info() YIELD id RETURN id';
// Ids begin with the time at which they were made.
const LAST_EVENT = 'MATCH (e:PersonaEvent) WHERE e.id > $first RETURN e.id AS id ORDER BY e.id DESC LIMIT 1';
const ROW = 'properties(e) AS event, e:Unpublished AS unpublished';
// The index is on both properties and is used only if the statement names both.
const REST_OF_STREAM = `
  MATCH (e:PersonaEvent {stream_id: $stream_id}) WHERE e.seq > $seq
  RETURN ${ROW} ORDER BY e.seq LIMIT $limit`;
const NEXT_STREAMS = `
  MATCH (e:PersonaEvent) WHERE e.stream_id > $stream_id AND e.seq > 0 AND e.stream = $kind
  RETURN ${ROW} ORDER BY e.stream_id, e.seq LIMIT $limit`;

/** Customers first: whatever they refer to was committed before, and is read after them. */
const KINDS: readonly StreamKind[] = ['customer', 'device', 'catalogue', 'configuration'];

/** After the event with this number of this stream; `isOver`: what follows of the stream is after the end. */
interface Position {
  kind: StreamKind;
  stream_id: string;
  seq: number;
  isOver: boolean;
}

interface Row {
  event: StoredEvent;
  unpublished: boolean;
}

/**
 * The log of a graph, stream by stream, also while commands go on.
 * @throws PersonaError graph_unavailable
 */
export async function openGraphSource(graph: Graph): Promise<LogSource> {
  const [database] = await graph.read<{ id: string }>(DATABASE);
  return {
    id: `graph ${database?.id}`,
    async end() {
      const [last] = await graph.read<{ id: string }>(LAST_EVENT, { first: '' });
      return last?.id ?? '';
    },
    read: ({ end, after, streams }) =>
      streams === undefined ? readAll(graph, end, after) : readStreams(graph, end, streams),
  };
}

async function* readAll(graph: Graph, end: string, after: string | undefined): AsyncGenerator<SourcePage> {
  let position: Position =
    after === undefined
      ? { kind: 'customer', stream_id: '', seq: 0, isOver: true }
      : (JSON.parse(after) as Position);
  for (;;) {
    const rows = await readRows(graph, position);
    const last = rows.at(-1);
    if (last === undefined) {
      const kind = KINDS[KINDS.indexOf(position.kind) + 1];
      if (kind === undefined) return;
      position = { kind, stream_id: '', seq: 0, isOver: true };
      continue;
    }
    const { events, isOver } = upTo(rows, end, position);
    const { stream_id, seq } = last.event;
    position = { kind: position.kind, stream_id, seq, isOver };
    yield { events, position: JSON.stringify(position) };
  }
}

/** So few that an interrupted replay reads them again. */
async function* readStreams(
  graph: Graph,
  end: string,
  streams: ReadonlySet<string>,
): AsyncGenerator<SourcePage> {
  for (const stream_id of streams) {
    for (let seq = 0; ; ) {
      const rows = await graph.read<Row>(REST_OF_STREAM, { stream_id, seq, limit: PAGE });
      const last = rows.at(-1);
      if (last === undefined) break;
      const { events, isOver } = upTo(rows, end, undefined);
      yield { events, position: '' };
      if (isOver) break;
      seq = last.event.seq;
    }
  }
}

/** A page is read once more if it has a gap: a scan that overlaps with a commit may miss an event and see the next. */
async function readRows(graph: Graph, position: Position): Promise<Row[]> {
  const rows = await readRowsOnce(graph, position);
  return rows.every(isNextOf(position)) ? rows : await readRowsOnce(graph, position);
}

async function readRowsOnce(graph: Graph, { kind, stream_id, seq, isOver }: Position): Promise<Row[]> {
  const rest = isOver ? [] : await graph.read<Row>(REST_OF_STREAM, { stream_id, seq, limit: PAGE });
  if (rest.length === PAGE) return rest;
  const limit = PAGE - rest.length;
  return [...rest, ...(await graph.read<Row>(NEXT_STREAMS, { stream_id, kind, limit }))];
}

function isNextOf(position: Position): (row: Row) => boolean {
  let before: { stream_id: string; seq: number } = position;
  return ({ event }) => {
    const isNext = event.seq === (event.stream_id === before.stream_id ? before.seq + 1 : 1);
    before = event;
    return isNext;
  };
}

/** Of each stream what precedes its first event after the end: two processes' clocks may differ slightly. */
function upTo(
  rows: readonly Row[],
  end: string,
  position: Position | undefined,
): { events: SourceEvent[]; isOver: boolean } {
  let over = position?.isOver ? position.stream_id : undefined;
  const events: SourceEvent[] = [];
  for (const { event, unpublished } of rows) {
    if (event.id > end) over = event.stream_id;
    if (event.stream_id !== over) events.push({ event, unpublished, place: 'the graph' });
  }
  return { events, isOver: rows.at(-1)?.event.stream_id === over };
}
