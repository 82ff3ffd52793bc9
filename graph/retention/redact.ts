/**
 * Takes values out of events whose time has come. Together with erasure the one exception to 'append only'
 * (docs/decisions/37-rights.md): each removed value becomes `null`, which stands for 'none', and the event itself stays.
 */

import type { Sender } from '../kernel/reader.ts';

/** An event's data, as stored. */
export interface StoredData {
  id: string;
  seq: number;
  data: string;
}

const WRITE = 'UNWIND $events AS event MATCH (e:PersonaEvent {id: event.id}) SET e.data = event.data';

/** Removes the values of these fields, whatever schema version the events have. */
export function redact(sender: Sender, events: readonly StoredData[], fields: readonly string[]): void {
  const redacted = events.map(({ id, data }) => ({
    id,
    data: JSON.stringify(JSON.parse(data), (name, value: unknown) => (fields.includes(name) ? null : value)),
  }));
  sender.send(WRITE, { events: redacted });
}
