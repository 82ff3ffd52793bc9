import { PersonaError } from '../../domain/errors.ts';
import type { EventType } from '../../domain/events/event.ts';
import { referencesOf } from '../../domain/events/references.ts';
import { findErasedIds } from '../erasure/erased-ids.ts';
import type { Graph } from '../kernel/graph.ts';
import { openFromLog, readLogKeys } from '../outbox/log-seal.ts';
import type { LogSource, SourceEvent, SourcePage } from './log-source.ts';
import { readEvent } from './stream.ts';

/** Events from which retention removes values. */
const REDACTED: ReadonlySet<string> = new Set([
  'DeviceRegistered',
  'DeviceSeen',
  'RecoveryOpened',
  'RecoveryReopened',
] satisfies EventType[]);

// The graph's own log names the pseudonym in its place, and lacks what retention has removed.
const READ_DATA = 'UNWIND $ids AS id MATCH (e:PersonaEvent {id: id}) RETURN e.id AS id, e.data AS data';

/**
 * A log as it was written, without the streams of erased customers and devices, whose keys are destroyed, without their ids
 * in other streams, and without what retention has removed: Kafka's copy of the log still has all of it.
 * @param keys the graph from whose log they were taken
 */
export function withoutErased(source: LogSource, keys: Graph): LogSource {
  return {
    ...source,
    async *read(options) {
      for await (const { events, position } of source.read(options))
        yield { events: await withoutErasedIn(keys, events), position } satisfies SourcePage;
    },
  };
}

async function withoutErasedIn(keys: Graph, all: readonly SourceEvent[]): Promise<SourceEvent[]> {
  const erasedStreams = await findErasedIds(keys, [...new Set(all.map(({ event }) => event.stream_id))]);
  const kept = await opened(
    keys,
    all.filter(({ event }) => !erasedStreams.has(event.stream_id)),
  );
  // By copy, not by event: a relay that repeats one after the erasure publishes it with the pseudonym.
  const names = kept.map(({ event }) => namesOf(event));
  const erased = await findErasedIds(keys, [...new Set(names.flat())]);
  const changed = kept.filter(
    ({ event }, index) => REDACTED.has(event.type) || names[index]?.some((id) => erased.has(id)),
  );
  const rows = await keys.read<{ id: string; data: string }>(READ_DATA, {
    ids: changed.map(({ event }) => event.id),
  });
  const current = new Map(rows.map(({ id, data }) => [id, data]));
  return kept.map((one) => {
    const data = current.get(one.event.id);
    return data === undefined ? one : { ...one, event: { ...one.event, data } };
  });
}

/** As they were logged: Kafka's copy is sealed. */
async function opened(graph: Graph, events: readonly SourceEvent[]): Promise<SourceEvent[]> {
  const keys = await readLogKeys(
    graph,
    events.map(({ event }) => event),
  );
  return events.map((one) => {
    try {
      return { ...one, event: openFromLog(one.event, keys) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const hint =
        graph.erasedIds === undefined
          ? '; if the customer was erased, only PERSONA_ERASURE_KEY can tell'
          : '';
      throw new PersonaError('log_unusable', `the event at ${one.place} cannot be opened: ${reason}${hint}`, {
        cause: error,
      });
    }
  });
}

/** The other customers and devices that an event names; none of one that this release cannot read. */
function namesOf(event: SourceEvent['event']): string[] {
  try {
    const read = readEvent(event);
    const { customer_ids = [] } = read.data as { customer_ids?: string[] };
    return [...referencesOf(read), ...customer_ids];
  } catch {
    return [];
  }
}
