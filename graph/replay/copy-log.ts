/** The first half of a replay: the log's events are copied as they are, each once. */

import { PersonaError } from '../../domain/errors.ts';
import { referencesOf } from '../../domain/events/references.ts';
import { isReadable, schemaVersion } from '../../domain/events/upcast.ts';
import { EFFECTS } from '../events/index.ts';
import { WRITE_EVENTS } from '../kernel/event-writes.ts';
import type { Graph } from '../kernel/graph.ts';
import type { LogSource, SourceEvent } from './log-source.ts';
import { type ReplayProgress, writeWithProgress } from './replay-progress.ts';
import { readEvent, type StoredEvent } from './stream.ts';

const LOOK_UP = `
  UNWIND $positions AS position
  OPTIONAL MATCH (e:PersonaEvent {stream_id: position.stream_id, seq: position.seq})
  OPTIONAL MATCH (p:PersonaEvent {stream_id: position.stream_id, seq: position.seq - 1})
  RETURN e.id AS id, p.id AS previous`;
const UNPUBLISHED = 'UNWIND $ids AS id MATCH (e:PersonaEvent {id: id}) SET e:Unpublished';
const EVENTS_OF = `
  MATCH (e:PersonaEvent) WHERE e.stream_id IN $streams AND e.seq > 0 AND e.stream = 'customer'
  RETURN properties(e) AS event`;

/**
 * Copies what is left, and for a customer everything that it refers to.
 * @returns the progress, in the phase that follows
 * @throws PersonaError log_unusable; customer_not_found: the log has no event of the customer, and nothing was written;
 * graph_unavailable, kafka_unavailable
 */
export async function copyLog(
  source: LogSource,
  target: Graph,
  begun: ReplayProgress,
  onProgress: (progress: ReplayProgress) => void,
): Promise<ReplayProgress> {
  let progress = begun;
  for (;;) {
    progress = await copyPages(source, target, progress, onProgress);
    if (progress.step === 0 && progress.selection !== 'all')
      throw new PersonaError('customer_not_found', `unknown customer ${progress.selection}`);
    const missing = await missingReferences(target, progress);
    const isComplete = missing.length === 0;
    progress = {
      ...progress,
      step: progress.step + 1,
      phase: isComplete ? 'applying' : 'copying',
      position: null,
      streams: [...progress.streams, ...missing],
      wanted: missing,
    };
    await writeWithProgress(target, progress, () => {});
    if (isComplete) return progress;
  }
}

async function copyPages(
  source: LogSource,
  target: Graph,
  begun: ReplayProgress,
  onProgress: (progress: ReplayProgress) => void,
): Promise<ReplayProgress> {
  let progress = begun;
  const isEverything = progress.selection === 'all';
  const streams = isEverything ? undefined : new Set(progress.wanted);
  const pages = source.read({ end: progress.end, after: progress.position ?? undefined, streams });
  for await (const { events, position } of pages) {
    for (const event of events) assertReadable(event);
    // Of an unknown customer nothing may remain, and to look for a known one again costs only time.
    if (events.length === 0 && !isEverything) continue;
    const added = await newEvents(target, events);
    progress = {
      ...progress,
      step: progress.step + 1,
      position,
      copied: progress.copied + added.length,
    };
    await writeWithProgress(target, progress, (send) => {
      send(WRITE_EVENTS, { events: added.map(({ event }) => event) });
      const unpublished = added.filter((one) => one.unpublished).map(({ event }) => event.id);
      send(UNPUBLISHED, { ids: unpublished });
    });
    onProgress(progress);
  }
  return progress;
}

/** @throws PersonaError log_unusable, if only a newer release knows the event */
function assertReadable({ event, place }: SourceEvent): void {
  const { type, schema_version, stream_id, seq } = event;
  const named = `event ${seq} of ${stream_id} (${place})`;
  if (!Object.hasOwn(EFFECTS, type))
    throw new PersonaError(
      'log_unusable',
      `${named} is of the type ${type}, which only a newer release knows`,
    );
  if (!isReadable(type, schema_version)) {
    const known = schemaVersion(type);
    const message = `${named} is ${type} of schema version ${schema_version}; this release reads versions up to ${known}: use a newer one`;
    throw new PersonaError('log_unusable', message);
  }
}

/**
 * The events that the target lacks.
 * @throws PersonaError log_unusable, if a stream has a gap, or two events with one number
 */
async function newEvents(target: Graph, events: readonly SourceEvent[]): Promise<SourceEvent[]> {
  const positions = events.map(({ event: { stream_id, seq } }) => ({ stream_id, seq }));
  const stored = await target.read<{ id: string | null; previous: string | null }>(LOOK_UP, { positions });
  const added = new Map<string, StoredEvent>();
  const at = (stream_id: string, seq: number) => `${stream_id}#${seq}`;
  return events.filter(({ event, place }, index) => {
    const { stream_id, seq } = event;
    const known = stored[index]?.id ?? added.get(at(stream_id, seq))?.id;
    if (known !== undefined) {
      if (known === event.id) return false;
      const message = `there are two events ${seq} of ${stream_id}: ${known} and ${event.id} (${place})`;
      throw new PersonaError('log_unusable', message);
    }
    const hasPrevious = seq === 1 || stored[index]?.previous != null || added.has(at(stream_id, seq - 1));
    if (!hasPrevious) {
      const message = `event ${seq - 1} of ${stream_id} is missing: event ${seq} follows without it (${place})`;
      throw new PersonaError('log_unusable', message);
    }
    added.set(at(stream_id, seq), event);
    return true;
  });
}

/** Streams that those just read refer to, and that were not read yet. */
async function missingReferences(target: Graph, { streams, wanted }: ReplayProgress): Promise<string[]> {
  if (wanted.length === 0) return [];
  const rows = await target.read<{ event: StoredEvent }>(EVENTS_OF, { streams: wanted });
  const references = new Set(rows.flatMap(({ event }) => referencesOf(readEvent(event))));
  return [...references].filter((id) => !streams.includes(id));
}
