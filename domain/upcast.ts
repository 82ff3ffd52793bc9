/**
 * The log is never rewritten: an event keeps the form in which it was written, and is brought into today's form whenever
 * it is read. A new field that a reader needs raises the type's version by one and adds one step here.
 */

import type { EventType } from './events.ts';

type Data = Readonly<Record<string, unknown>>;
/** From one version's data to the next one's. */
type Upcaster = (data: Data) => Data;

/** The steps of each type: the first leads from version 1 to version 2. A type that is not here is at version 1. */
const UPCASTERS: Partial<Record<EventType, readonly Upcaster[]>> = {
  // Version 1 did not say which identifier an unproven address waits for, and so waits for none.
  AddressAdded: [(data) => ({ ...data, awaits_identifier_id: null })],
  // Version 1 did not say which payment settled it.
  RecoveryClosed: [(data) => ({ ...data, payment_ref: null })],
  // Version 1 did not say whether it goes back: what was decided then is not decided anew.
  RecoveryOverpaid: [(data) => ({ ...data, refund: false })],
  // Version 1 knew no refunds but Persona's own.
  RefundSent: [(data) => ({ ...data, by_others: null })],
  // Version 1 knew no refund that failed later, and did not name the one that failed at once.
  // Version 2 gave up at once.
  RefundFailed: [(data) => ({ ...data, refund_ref: null }), (data) => ({ ...data, n: null, retry: null })],
};

/** The version in which events of this type are written today. */
export function schemaVersion(type: EventType): number {
  return (UPCASTERS[type]?.length ?? 0) + 1;
}

/** Was it written in a version that this Persona knows? */
export function isReadable(type: EventType, version: number): boolean {
  return version <= schemaVersion(type);
}

/**
 * An event's data in today's form.
 * @param version - `schema_version` of the event
 * @throws Error for an event that a newer version of Persona has written
 */
export function upcast(type: EventType, version: number, data: Data): Data {
  if (!isReadable(type, version))
    throw new Error(
      `${type} has schema version ${version}, and this Persona knows up to ${schemaVersion(type)}`,
    );
  return (UPCASTERS[type] ?? []).slice(version - 1).reduce((form, upcaster) => upcaster(form), data);
}
