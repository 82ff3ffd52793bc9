import type { RecordedEvent } from '../../domain/events/event.ts';
import { upcast } from '../../domain/events/upcast.ts';
import type { LoggedEvent } from '../../domain/outbox/records.ts';
import { EFFECTS } from '../events/index.ts';

/**
 * The event in the current schema version.
 * @throws Error for an event of a newer release of Persona, or data that is not JSON
 */
export function decodeEvent(event: LoggedEvent): RecordedEvent {
  if (!Object.hasOwn(EFFECTS, event.type)) throw new Error(`this release does not know ${event.type}`);
  const data = upcast(event.type, event.schema_version, JSON.parse(event.data));
  return { ...event, data } as unknown as RecordedEvent;
}
