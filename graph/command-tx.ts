import type { EventData, StreamKind } from '../domain/events.ts';
import type { DataKey } from '../security/data-key.ts';
import type { CommandHeader } from './command.ts';
import type { Graph, Reader } from './graph.ts';
import type { Sender } from './key-store.ts';

type Row = Record<string, unknown>;

/** What a command asks to be recorded. */
export interface NewEvent<T extends keyof EventData = keyof EventData> {
  stream: StreamKind;
  stream_id: string;
  type: T;
  data: EventData[T];
  /** RFC 3339; the command's own time if absent. */
  occurred_at?: string;
}

export interface CustomerNode {
  id: string;
  ltv_minor: number;
  segment: string;
  status: 'active' | 'suspended';
  gateway_customer_ref?: string;
  locale?: string;
  /** When the customer, or a service, last chose a default: a rule that sets another one leaves it standing. */
  default_chosen_at?: string;
  /** When `ltv_minor` was last valued as a whole. */
  ltv_observed_at?: string;
  version: number;
  /** The event that last changed the profile. */
  changed_seq: number;
  /** The event that last set the status. */
  status_seq: number;
}

export interface DeviceNode {
  id: string;
  trust_score: number;
  /** Absent: never observed, the score is the initial one. */
  trust_observed_at?: string;
  last_seen_at: string;
  version: number;
  /** The event that last changed the score. */
  changed_seq: number;
}

/**
 * A command's transaction. Nobody waits for a write: writes are collected and sent, in their order, before the next
 * statement that reads, and at the end.
 */
export interface CommandTx extends Reader, Sender {
  readonly graph: Graph;
  /** With `occurredAt` in UTC. */
  readonly header: CommandHeader;
  /** When this is being written: every event's `recorded_at`, RFC 3339. */
  readonly recordedAt: string;
  /** Takes a place at a lock that is not a stream's, before it is taken in Neo4j. @throws Crowded, for `runCommand` */
  acquireLockSlot(lock: string): void;
  /** Runs Cypher and gives plain records; it sees what this transaction wrote before. */
  run<T = Row>(cypher: string, parameters?: Row): Promise<T[]>;
  /**
   * Locks a customer until the end of the transaction and opens its data key. Lock first, read afterwards: identifiers
   * by hash, then customers by id, then devices by id, then the rest.
   * @throws PersonaError customer_not_found, also for an erased or merged one
   */
  lockCustomer(id: string): Promise<CustomerNode>;
  /** The same for a device. @throws PersonaError device_not_found */
  lockDevice(id: string): Promise<DeviceNode>;
  /** Begins the stream of a customer or a device that does not exist yet, with a data key of its own. */
  beginStream(stream: StreamKind, id: string): void;
  /** The data key of a locked or new stream. */
  keyOf(streamId: string): DataKey;
  /** The `seq` of a stream's last event, with those of this command. */
  versionOf(streamId: string): number;
  /** Records an event of a locked or new stream and applies its projection, without waiting. */
  append<T extends keyof EventData>(event: NewEvent<T>): { id: string; seq: number };
  /** Do not remember this answer: the same command will be decided anew. */
  discardReceipt(): void;
}
