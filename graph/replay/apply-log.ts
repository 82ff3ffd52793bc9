/** The second half of a replay: the projection of each event that was copied is applied again. */

import { PersonaError } from '../../domain/errors.ts';
import type { EventType, StreamKind } from '../../domain/events/event.ts';
import { DataKey, type KeyOwner, type WrappedKey } from '../../security/data-key.ts';
import { findErasedIds } from '../erasure/erased-ids.ts';
import { EFFECTS } from '../events/index.ts';
import type { Graph } from '../kernel/graph.ts';
import { type Projection, projectionParameters } from '../kernel/projection.ts';
import type { Sender } from '../kernel/reader.ts';
import { KEY_LABEL, WRITE_VERSION } from '../kernel/streams.ts';
import { type ReplayProgress, writeWithProgress } from './replay-progress.ts';
import { LABEL_OF, readEvent, readKey, type StoredEvent } from './stream.ts';

interface StreamKey {
  key: DataKey;
  /** How the key is stored; absent: the stream has none. */
  stored?: { owner: KeyOwner; wrapped: WrappedKey };
}

/** Events per transaction. */
const PAGE = 250;
// Devices first: customers' events refer to them, and theirs refer to no other stream. Then what erasures have left: others'
// suggestions name the pseudonyms, and are older. Within a pass everything in chronological order, which is the order of
// ids: an identifier that one customer gave up belongs to another afterwards, not before.
const PASSES = ['device', 'erased', 'customer', 'catalogue', 'configuration'] as const;
type Pass = (typeof PASSES)[number];
const kindOf = (pass: Pass): StreamKind => (pass === 'erased' ? 'customer' : pass);

const READ_PAGE = `
  MATCH (e:PersonaEvent) WHERE e.id > $after AND e.stream = $kind AND ($type IS NULL OR e.type = $type)
  WITH e ORDER BY e.id LIMIT $limit
  RETURN properties(e) AS event,
    EXISTS {
      MATCH (next:PersonaEvent {stream_id: e.stream_id, seq: e.seq + 1}) WHERE next.id < e.id
    } AS was_overtaken
  ORDER BY e.id`;
const READ_NEXT = `
  MATCH (e:PersonaEvent {stream_id: $stream_id, seq: $seq}) WHERE e.id < $before
  RETURN properties(e) AS event`;
const READ_VERSIONS = {
  customer: 'UNWIND $ids AS id MATCH (n:Customer {id: id}) RETURN id, n.version AS version',
  device: 'UNWIND $ids AS id MATCH (n:Device {id: id}) RETURN id, n.version AS version',
  catalogue: 'UNWIND $ids AS id MATCH (n:AgentPersona {name: id}) RETURN id, n.version AS version',
  configuration: 'UNWIND $ids AS id MATCH (n:PersonaConfiguration {key: id}) RETURN id, n.version AS version',
} as const satisfies Record<StreamKind, string>;

interface Position {
  kind: Pass;
  /** Of the last event applied. */
  id: string;
}

/**
 * Applies what is left of the events that the target holds.
 * @param keys where the streams' keys are stored
 * @throws PersonaError graph_unavailable; log_unusable: a stream was erased since it was copied; internal: an event cannot
 * be decrypted or applied
 */
export async function applyLog(
  keys: Graph,
  target: Graph,
  begun: ReplayProgress,
  onProgress: (progress: ReplayProgress) => void,
): Promise<ReplayProgress> {
  let progress = begun;
  for (;;) {
    const { kind: pass, id } = positionOf(progress);
    const type: EventType | null = pass === 'erased' ? 'CustomerErased' : null;
    const kind = kindOf(pass);
    const page = await target.read<PageRow>(READ_PAGE, { kind, type, after: id, limit: PAGE });
    const last = page.at(-1);
    if (last === undefined) {
      const next = PASSES[PASSES.indexOf(pass) + 1];
      const isOver = next === undefined;
      const position = isOver ? null : JSON.stringify({ kind: next, id: '' } satisfies Position);
      progress = {
        ...progress,
        step: progress.step + 1,
        position,
        phase: isOver ? 'complete' : 'applying',
      };
      await writeWithProgress(target, progress, () => {});
      if (isOver) return progress;
      continue;
    }
    const events = await inOrder(target, kind, page);
    const streamKeys = await keysOf(keys, events);
    progress = {
      ...progress,
      step: progress.step + 1,
      position: JSON.stringify({ kind: pass, id: last.event.id } satisfies Position),
      applied: progress.applied + events.length,
    };
    await writeWithProgress(target, progress, (send) => {
      for (const event of events) applyEvent(target, event, streamKeys, send);
    });
    onProgress(progress);
  }
}

interface PageRow {
  event: StoredEvent;
  /** Its successor has a smaller id: the clocks of two processes differ slightly. */
  was_overtaken: boolean;
}

function positionOf({ position }: ReplayProgress): Position {
  return position === null ? { kind: PASSES[0], id: '' } : (JSON.parse(position) as Position);
}

/** The page's events without those that come before their predecessor, and with those that waited for one of them. */
async function inOrder(target: Graph, kind: StreamKind, page: readonly PageRow[]): Promise<StoredEvent[]> {
  const ids = [...new Set(page.map(({ event }) => event.stream_id))];
  const rows = await target.read<{ id: string; version: number }>(READ_VERSIONS[kind], { ids });
  const versions = new Map(rows.map(({ id, version }) => [id, version]));
  const ready: StoredEvent[] = [];
  for (const { event, was_overtaken } of page) {
    const { stream_id } = event;
    if (event.seq !== (versions.get(stream_id) ?? 0) + 1) continue;
    const overtaking = was_overtaken ? await readOvertaking(target, event) : [];
    ready.push(event, ...overtaking);
    versions.set(stream_id, event.seq + overtaking.length);
  }
  return ready;
}

/** The events that directly follow in the stream and have smaller ids. */
async function readOvertaking(target: Graph, { stream_id, seq, id }: StoredEvent): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  for (;;) {
    const parameters = { stream_id, seq: seq + found.length + 1, before: id };
    const [row] = await target.read<{ event: StoredEvent }>(READ_NEXT, parameters);
    if (row === undefined) return found;
    found.push(row.event);
  }
}

async function keysOf(keys: Graph, events: readonly StoredEvent[]): Promise<ReadonlyMap<string, StreamKey>> {
  // What erasure has left has no key: nothing of it is sealed.
  const sealed = events.filter(({ type }) => type !== 'CustomerErased');
  const streams = new Map(sealed.map(({ stream, stream_id }) => [stream_id, stream]));
  return new Map(
    await Promise.all(
      [...streams].map(async ([id, kind]): Promise<[string, StreamKey]> => {
        const label = KEY_LABEL[kind];
        if (label === null) return [id, { key: DataKey.NONE }];
        const owner: KeyOwner = { label, id };
        const [key, wrapped] = await Promise.all([
          readKey(keys, { kind, id }),
          keys.keyStore.read(keys, owner),
        ]);
        if (typeof key !== 'string' && wrapped !== undefined)
          return [id, { key, stored: { owner, wrapped } }];
        // Other streams name the pseudonym by now, or an id that nothing has: no page that follows could mend that.
        if ((await findErasedIds(keys, [id])).size > 0)
          throw new PersonaError(
            'log_unusable',
            'a customer or device was erased since this replay began: empty the target, and begin again',
          );
        throw new PersonaError('internal', `the key of ${LABEL_OF[kind]} ${id} cannot be used`);
      }),
    ),
  );
}

function applyEvent(
  target: Graph,
  event: StoredEvent,
  keys: ReadonlyMap<string, StreamKey>,
  send: Sender['send'],
): void {
  const recorded = readEvent<EventType>(event);
  const streamKey = keys.get(event.stream_id);
  if (streamKey === undefined && recorded.type !== 'CustomerErased')
    throw new Error(`the key of ${event.stream_id} was not read`);
  if (event.seq === 1 && streamKey?.stored)
    target.keyStore.write({ send }, streamKey.stored.owner, streamKey.stored.wrapped, event.recorded_at);
  const projection = EFFECTS[recorded.type] as Projection<EventType>;
  const secrets = { key: streamKey?.key ?? DataKey.NONE, blindIndex: target.blindIndex };
  send(projection.cypher, projectionParameters(projection, recorded, secrets));
  send(WRITE_VERSION[event.stream], { id: event.stream_id, version: event.seq });
}
