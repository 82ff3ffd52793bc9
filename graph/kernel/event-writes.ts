import { v7 as uuidv7 } from 'uuid';
import type { EventType, RecordedEvent } from '../../domain/events/event.ts';
import { schemaVersion } from '../../domain/events/upcast.ts';
import { activeTraceparent } from '../../platform/tracing.ts';
import type { BlindIndex } from '../../security/blind-index.ts';
import type { CommandHeader } from './command-header.ts';
import type { NewEvent } from './command-tx.ts';
import { type Projection, type Projections, projectionParameters } from './projection.ts';
import type { Sender } from './reader.ts';
import type { Stream } from './streams.ts';

/** The fields that each event has itself; the others are its command's. */
const EVENT_FIELDS = [
  'id',
  'stream',
  'stream_id',
  'seq',
  'type',
  'schema_version',
  'occurred_at',
  'data',
] as const;

/**
 * Sets the label by which the relay finds unpublished events, as long as a relay runs that removes it again.
 * @param traceparent what is set with it, and removed with it
 */
const writeEventsCypher = (
  fieldOf: (field: (typeof EVENT_FIELDS)[number]) => string,
  command: string,
  traceparent = '',
) => `
  OPTIONAL MATCH (relay:Relay {id: 'events'})
  UNWIND $events AS event
  CREATE (e:PersonaEvent {
    id: ${fieldOf('id')}, stream: ${fieldOf('stream')}, stream_id: ${fieldOf('stream_id')}, seq: ${fieldOf('seq')},
    type: ${fieldOf('type')}, schema_version: ${fieldOf('schema_version')}, occurred_at: datetime(${fieldOf('occurred_at')}),
    recorded_at: datetime(${command}.recorded_at), source: ${command}.source, actor: ${command}.actor,
    correlation_id: ${command}.correlation_id, causation_id: ${command}.causation_id, data: ${fieldOf('data')}
  })
  FOREACH (_ IN CASE WHEN relay.drains_since IS NULL THEN [] ELSE [1] END | SET e:Unpublished${traceparent})`;

/** Events of many commands. */
export const WRITE_EVENTS = writeEventsCypher((field) => `event.${field}`, 'event');
/** Events of one command, as lists: the command's fields are sent once, and no field names. */
const WRITE_COMMAND_EVENTS = writeEventsCypher(
  (field) => `event[${EVENT_FIELDS.indexOf(field)}]`,
  '$command',
  ', e.traceparent = $command.traceparent',
);

/** Builds an event with its stream's next `seq`. @param recordedAt - RFC 3339 */
export function nextEvent<T extends EventType>(
  stream: Stream,
  event: NewEvent<T>,
  { header, recordedAt }: { header: CommandHeader; recordedAt: string },
): RecordedEvent<T> {
  stream.version += 1;
  return {
    id: uuidv7(),
    stream: stream.kind,
    stream_id: event.stream_id,
    seq: stream.version,
    type: event.type,
    schema_version: schemaVersion(event.type),
    occurred_at: event.occurred_at ?? header.occurredAt,
    recorded_at: recordedAt,
    source: header.caller,
    actor: header.actor,
    correlation_id: header.correlationId,
    causation_id: header.causationId ?? null,
    data: event.data,
  };
}

/** Sends the event's projection into the nodes. */
export function project<T extends EventType>(
  sender: Sender,
  event: RecordedEvent<T>,
  { stream, projections, blindIndex }: { stream: Stream; projections: Projections; blindIndex: BlindIndex },
): void {
  const projection = projections[event.type] as Projection<T>;
  const secrets = { key: stream.key, blindIndex };
  sender.send(projection.cypher, projectionParameters(projection, event, secrets));
}

export function writeEvents(sender: Sender, events: readonly RecordedEvent[]): void {
  const [command] = events;
  if (command === undefined) return;
  sender.send(WRITE_COMMAND_EVENTS, {
    command: { ...command, traceparent: activeTraceparent() ?? null },
    events: events.map((event) =>
      EVENT_FIELDS.map((field) => (field === 'data' ? JSON.stringify(event.data) : event[field])),
    ),
  });
}
