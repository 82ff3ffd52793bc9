import type { EventType, RecordedEvent, StreamKind } from '../../domain/events/event.ts';
import { upcast } from '../../domain/events/upcast.ts';
import { DataKey } from '../../security/data-key.ts';
import type { EffectSecrets, Fold } from '../events/effect.ts';
import { EFFECTS } from '../events/index.ts';
import { GraphModel, type Label, nodeRef } from '../events/model.ts';
import type { Graph } from '../kernel/graph.ts';
import { dataKeyOf, unreadableReason } from '../kernel/key-store.ts';
import { KEY_LABEL } from '../kernel/streams.ts';

export interface Stream {
  kind: StreamKind;
  id: string;
}

export const LABEL_OF: Readonly<Record<StreamKind, Label>> = {
  customer: 'Customer',
  device: 'Device',
  catalogue: 'AgentPersona',
  configuration: 'PersonaConfiguration',
};

/** An event as its node stores it. */
export type StoredEvent = Omit<RecordedEvent, 'data'> & { data: string };

// The index is on both properties and is used only if the statement names both.
const READ_EVENTS = `
  MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.seq > 0
  RETURN properties(e) AS event ORDER BY e.seq`;

export async function readStream(graph: Graph, { id }: Stream): Promise<StoredEvent[]> {
  const rows = await graph.read<{ event: StoredEvent }>(READ_EVENTS, { id });
  return rows.map(({ event }) => event);
}

/** The data key of a stream, or why there is none. */
export async function readKey(graph: Graph, { kind, id }: Stream): Promise<DataKey | string> {
  const label = KEY_LABEL[kind];
  if (label === null) return DataKey.NONE;
  try {
    return (await dataKeyOf(graph, graph, { label, id })) ?? 'no key exists';
  } catch (error) {
    return unreadableReason(error);
  }
}

/**
 * The nodes and edges that a stream's events create, and every event that does not fit: a gap, an unknown type, a
 * reference to something that was never created.
 */
export function replay(
  graph: Pick<Graph, 'blindIndex'>,
  { kind, id }: Stream,
  events: readonly StoredEvent[],
  key: DataKey | string,
): GraphModel {
  const model = new GraphModel();
  const isErased = isErasedStream(events);
  if (typeof key === 'string' && !isErased) {
    if (events.length > 0)
      model.inconsistencies.push({
        where: `${LABEL_OF[kind]}Key/${id}`,
        property: 'exists',
        expected: 'a key that decrypts the stream',
        found: key,
      });
    return model;
  }
  for (const [index, event] of events.entries()) {
    model.cause = `PersonaEvent/${id}#${event.seq}`;
    const expected = (events[index - 1]?.seq ?? 0) + 1;
    if (event.seq !== expected)
      model.inconsistencies.push({ where: model.cause, property: 'seq', expected, found: event.seq });
    apply(model, event, { key: key as DataKey, blindIndex: graph.blindIndex });
  }
  const node = model.nodes.get(nodeRef(LABEL_OF[kind], id));
  if (node) node.version = events.at(-1)?.seq;
  return model;
}

/** A stream under a pseudonym, which holds nothing sealed and has no key. */
export function isErasedStream([first]: readonly StoredEvent[]): boolean {
  return first?.type === 'CustomerErased';
}

/** @throws Error for data that is not JSON, or of a newer version than this one knows */
export function readEvent<T extends EventType>(event: StoredEvent): RecordedEvent<T> {
  const data = upcast(event.type, event.schema_version, JSON.parse(event.data));
  return { ...event, data } as unknown as RecordedEvent<T>;
}

function apply<T extends EventType>(model: GraphModel, event: StoredEvent, secrets: EffectSecrets): void {
  const addInconsistency = (property: string, expected: unknown, found: unknown) =>
    model.inconsistencies.push({ where: model.cause, property, expected, found });
  if (!Object.hasOwn(EFFECTS, event.type)) {
    addInconsistency('type', 'a known event type', event.type);
    return;
  }
  const { fold } = EFFECTS[event.type] as { fold: Fold<T> };
  try {
    fold(model, readEvent<T>(event), secrets);
  } catch (error) {
    // Ciphertext that the key cannot decrypt, invalid JSON, an invalid time: only this event is broken.
    addInconsistency('data', `data of ${event.type}`, error instanceof Error ? error.message : String(error));
  }
}
