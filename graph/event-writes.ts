import { v7 as uuidv7 } from 'uuid';
import type { EventData, RecordedEvent } from '../domain/events.ts';
import { schemaVersion } from '../domain/upcast.ts';
import type { BlindIndex } from '../security/blind-index.ts';
import type { CommandHeader } from './command.ts';
import type { NewEvent } from './command-tx.ts';
import type { Sender } from './key-store.ts';
import { PROJECTIONS } from './projections/index.ts';
import { type Projection, projectionParameters } from './projections/projection.ts';
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

/** Sets the label by which the relay finds unpublished events, as long as a relay runs that removes it again. */
const writeEventsCypher = (fieldOf: (field: (typeof EVENT_FIELDS)[number]) => string, command: string) => `
  OPTIONAL MATCH (relay:Relay {id: 'events'})
  UNWIND $events AS event
  CREATE (e:PersonaEvent {
    id: ${fieldOf('id')}, stream: ${fieldOf('stream')}, stream_id: ${fieldOf('stream_id')}, seq: ${fieldOf('seq')},
    type: ${fieldOf('type')}, schema_version: ${fieldOf('schema_version')}, occurred_at: datetime(${fieldOf('occurred_at')}),
    recorded_at: datetime(${command}.recorded_at), source: ${command}.source, actor: ${command}.actor,
    correlation_id: ${command}.correlation_id, causation_id: ${command}.causation_id, data: ${fieldOf('data')}
  })
  FOREACH (_ IN CASE WHEN relay.drains_since IS NULL THEN [] ELSE [1] END | SET e:Unpublished)`;

/** Events of many commands. */
export const WRITE_EVENTS = writeEventsCypher((field) => `event.${field}`, 'event');
/** Events of one command, as lists: the command's fields are sent once, and no field names. */
const WRITE_COMMAND_EVENTS = writeEventsCypher(
  (field) => `event[${EVENT_FIELDS.indexOf(field)}]`,
  '$command',
);

/** Builds an event with its stream's next `seq`. @param recordedAt - RFC 3339 */
export function nextEvent<T extends keyof EventData>(
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
export function project<T extends keyof EventData>(
  sender: Sender,
  event: RecordedEvent<T>,
  { stream, blindIndex }: { stream: Stream; blindIndex: BlindIndex },
): void {
  const projection = PROJECTIONS[event.type] as Projection<T>;
  if (projection === null) return;
  const secrets = { key: stream.key, blindIndex };
  sender.send(projection.cypher, projectionParameters(projection, event, secrets));
}

export function writeEvents(sender: Sender, events: readonly RecordedEvent[]): void {
  const [command] = events;
  if (command === undefined) return;
  sender.send(WRITE_COMMAND_EVENTS, {
    command,
    events: events.map((event) =>
      EVENT_FIELDS.map((field) => (field === 'data' ? JSON.stringify(event.data) : event[field])),
    ),
  });
}
