/**
 * The log is never rewritten: an event keeps the schema version in which it was written and is upcast to the current one
 * when it is read. A new field that a reader needs raises the type's version by one and adds one step here.
 */

import type { EventType } from './events.ts';

type Data = Readonly<Record<string, unknown>>;
/** Converts one version's data to the next. */
type Upcaster = (data: Data) => Data;

/** The steps of each type: the first upcasts version 1 to version 2. A type that is missing here is at version 1. */
const UPCASTERS: Partial<Record<EventType, readonly Upcaster[]>> = {
  // Version 1 did not name the identifier that an unproven address waits for, so it waits for none.
  AddressAdded: [(data) => ({ ...data, awaits_identifier_id: null })],
  // Version 1 did not name the payment that settled it.
  RecoveryClosed: [(data) => ({ ...data, payment_ref: null })],
  // Version 1 did not say whether it is refunded: old decisions are not revised.
  RecoveryOverpaid: [(data) => ({ ...data, refund: false })],
  // Version 1 had only Persona's own refunds.
  RefundSent: [(data) => ({ ...data, by_others: null })],
  // Version 1 had no refund that failed later, and did not name the one that failed immediately.
  // Version 2 gave up after the first failure.
  RefundFailed: [(data) => ({ ...data, refund_ref: null }), (data) => ({ ...data, n: null, retry: null })],
};

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
export function upcast(type: EventType, version: number, data: Data): Data {
  if (!isReadable(type, version))
    throw new Error(
      `${type} has schema version ${version}; this release reads versions up to ${schemaVersion(type)}`,
    );
  return (UPCASTERS[type] ?? []).slice(version - 1).reduce((form, upcaster) => upcaster(form), data);
}
