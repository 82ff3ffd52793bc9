import type { EventData, EventType, StreamKind } from '../../domain/events/event.ts';
import type { DataKey } from '../../security/data-key.ts';
import type { CommandHeader } from './command-header.ts';
import type { Graph } from './graph.ts';
import type { Reader, Sender } from './reader.ts';

type Row = Record<string, unknown>;

/** An event that a command wants to record. */
export interface NewEvent<T extends EventType = EventType> {
  stream: StreamKind;
  stream_id: string;
  type: T;
  data: EventData[T];
  /** RFC 3339; defaults to the command's time. */
  occurred_at?: string;
}

export interface CustomerNode {
  id: string;
  ltv_minor: number;
  segment: string;
  status: 'active' | 'suspended' | 'erasing';
  gateway_customer_ref?: string;
  locale?: string;
  /** When the customer, or a service, last chose a default; a rule that sets another one does not change it. */
  default_chosen_at?: string;
  /** When `ltv_minor` was last set as an absolute value. */
  ltv_observed_at?: string;
  /** As of when `segment` was last set by a valuation. */
  segment_observed_at?: string;
  version: number;
  /** The event that last changed the profile. */
  changed_seq: number;
  /** The event that last set the status. */
  status_seq: number;
}

export interface DeviceNode {
  id: string;
  trust_score: number;
  /** Absent if the score was never observed and is the initial one. */
  trust_observed_at?: string;
  last_seen_at: string;
  version: number;
  /** The event that last changed the score. */
  changed_seq: number;
}

/** The kinds of streams that form the catalogue of agents' personas. */
export type CatalogueKind = Extract<StreamKind, 'catalogue' | 'configuration'>;

/**
 * A command's transaction. Writes are not awaited: they are collected and sent, in order, before the next statement
 * that reads, and at the end.
 */
export interface CommandTx extends Reader, Sender {
  readonly graph: Graph;
  /** With `occurredAt` in UTC. */
  readonly header: CommandHeader;
  /** The time of writing, RFC 3339: every event's `recorded_at`. */
  readonly recordedAt: string;
  /**
   * Acquires a slot for a lock that is not a stream's, before the lock is taken in Neo4j.
   * @throws LockContended, which `runCommand` handles
   */
  acquireLockSlot(lock: string): void;
  /** Runs Cypher and returns plain records; it sees what this transaction has written. */
  run<T = Row>(cypher: string, parameters?: Row): Promise<T[]>;
  /**
   * Locks a customer until the end of the transaction and unwraps its data key. Lock before reading, in this order:
   * identifiers by hash, customers by id, devices by id, then the rest.
   * @throws PersonaError customer_not_found, also if the customer is erased or merged, or is being erased and the caller is
   * none of the processes that settle what is open
   */
  lockCustomer(id: string): Promise<CustomerNode>;
  /** The same for a device. @throws PersonaError device_not_found */
  lockDevice(id: string): Promise<DeviceNode>;
  /**
   * Locks a persona by its name, or a configuration by its key; `undefined`: there is none yet. Two commands that both
   * begin its stream conflict, and one of them runs again.
   */
  lockEntry<N extends { version: number }>(kind: CatalogueKind, id: string): Promise<N | undefined>;
  /** Starts a stream that does not exist yet; that of a customer or a device with its own data key. */
  beginStream(stream: StreamKind, id: string): void;
  /** The data key of a locked or new stream. */
  keyOf(streamId: string): DataKey;
  /** The `seq` of a stream's last event, including those of this command. */
  versionOf(streamId: string): number;
  /** Appends an event to a locked or new stream and sends its projection without awaiting it. */
  append<T extends EventType>(event: NewEvent<T>): { id: string; seq: number };
  /** Does not store this result: a repeat of the command is decided again. */
  discardReceipt(): void;
}
