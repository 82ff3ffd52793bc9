/**
 * The log is not rewritten for a new form: an event keeps the schema version in which it was written and is upcast to the current one
 * when it is read. A new field that a reader needs raises the type's version by one and adds one step to its family.
 */

import { addressUpcasters } from './addresses.ts';
import type { EventData, EventType } from './event.ts';
import { recoveryUpcasters } from './recovery.ts';
import { refundUpcasters } from './refunds.ts';
import type { Upcasters } from './upcaster.ts';

const UPCASTERS: Upcasters<EventData> = { ...addressUpcasters, ...recoveryUpcasters, ...refundUpcasters };

type EventFields = Readonly<Record<string, unknown>>;

/** The current schema version of an event type. */
export function schemaVersion(type: EventType): number {
  return (UPCASTERS[type]?.length ?? 0) + 1;
}

/** Whether this release can read the version. */
export function isReadable(type: EventType, version: number): boolean {
  return version <= schemaVersion(type);
}

/**
 * An event's data, upcast to the current schema version.
 * @param version - `schema_version` of the event
 * @throws Error for an event written by a newer release of Persona
 */
export function upcast(type: EventType, version: number, data: EventFields): EventFields {
  if (!isReadable(type, version))
    throw new Error(
      `${type} has schema version ${version}; this release reads versions up to ${schemaVersion(type)}`,
    );
  return (UPCASTERS[type] ?? []).slice(version - 1).reduce((form, upcaster) => upcaster(form), data);
}
