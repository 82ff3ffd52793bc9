/**
 * Persona's events: the facts in the log (docs/reference/graph.md, 'The event log'). `data` is complete: replaying the log
 * rebuilds the graph. Fields of type `Sealed` hold ciphertext under the stream's own key; times are RFC 3339 in UTC;
 * `null` means 'none', so that a replay can tell it from 'unchanged'.
 */

import type { AddressEvents } from './addresses.ts';
import type { CatalogueEvents } from './catalogue.ts';
import type { CustomerEvents } from './customer.ts';
import type { DeviceEvents } from './devices.ts';
import type { EditEvents } from './edits.ts';
import type { ErasureEvents } from './erasure.ts';
import type { FraudEvents } from './fraud.ts';
import type { IdentifierEvents } from './identifiers.ts';
import type { NoticeEvents } from './notices.ts';
import type { RecoveryEvents } from './recovery.ts';
import type { RefundEvents } from './refunds.ts';
import type { RightsEvents } from './rights.ts';
import type { WalletEvents } from './wallet.ts';

/** The owner of a stream: a customer, a device, or a persona or a configuration of the catalogue. */
export type StreamKind = 'customer' | 'device' | 'catalogue' | 'configuration';

/** The data of every event that a command may append: one line per family. */
export interface EventData
  extends CustomerEvents,
    AddressEvents,
    IdentifierEvents,
    WalletEvents,
    DeviceEvents,
    EditEvents,
    FraudEvents,
    RecoveryEvents,
    RefundEvents,
    RightsEvents,
    NoticeEvents,
    CatalogueEvents,
    ErasureEvents {}
export type EventType = keyof EventData;

/** An event as the log holds it. */
export interface RecordedEvent<T extends EventType = EventType> {
  id: string;
  stream: StreamKind;
  stream_id: string;
  seq: number;
  type: T;
  schema_version: number;
  /** When it happened, according to the source. */
  occurred_at: string;
  /** When it was written. */
  recorded_at: string;
  /** The life stream: the caller that reported it. */
  source: string;
  actor: string;
  correlation_id: string;
  causation_id: string | null;
  data: EventData[T];
}
