import type { Session } from 'neo4j-driver';
import { v7 as uuidv7 } from 'uuid';
import { PersonaError } from '../domain/errors.ts';
import type { EventData, RecordedEvent, StreamKind } from '../domain/events.ts';
import { schemaVersion } from '../domain/upcast.ts';
import type { KeyOwner } from '../security/data-key.ts';
import { DataKey } from '../security/data-key.ts';
import { createBatch, type Statement } from './batch.ts';
import type { CommandHeader } from './command.ts';
import type { Graph, Reader } from './graph.ts';
import type { Sender } from './key-store.ts';
import { dataKeyOf } from './key-store.ts';
import { PROJECTIONS } from './projections/index.ts';
import type { Projection } from './projections/projection.ts';
import { projectionParameters } from './projections/projection.ts';
import { type Claim, claimReceipt, forgetReceipt, rememberAnswer } from './receipts.ts';
import { toParameters, toPlain } from './values.ts';

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
  forget(): void;
}

// A write locks the node, and what is read after it is what the lock's last holder left. The value written must not be
// read from the node: `SET c.version = c.version` reads before it has the lock and writes the old version back.
const LOCK_CUSTOMER = `
  MATCH (c:Customer {id: $id})
  SET c.locked = true
  REMOVE c.locked
  RETURN properties(c) AS node`;
const LOCK_DEVICE = `
  MATCH (d:Device {id: $id})
  SET d.locked = true
  REMOVE d.locked
  RETURN properties(d) AS node`;

/** With the label by which the relay knows what it has to publish. */
export const WRITE_EVENTS = `
  UNWIND $events AS event
  CREATE (e:PersonaEvent:Unpublished {
    id: event.id, stream: event.stream, stream_id: event.stream_id, seq: event.seq, type: event.type,
    schema_version: event.schema_version, occurred_at: datetime(event.occurred_at),
    recorded_at: datetime(event.recorded_at), source: event.source, actor: event.actor,
    correlation_id: event.correlation_id, causation_id: event.causation_id, data: event.data
  })`;
const WRITE_CUSTOMER_VERSION = 'MATCH (c:Customer {id: $id}) SET c.version = $version';
const WRITE_DEVICE_VERSION = 'MATCH (d:Device {id: $id}) SET d.version = $version';

interface Stream {
  readonly kind: StreamKind;
  readonly key: DataKey;
  version: number;
}

interface OpenCommand {
  readonly tx: CommandTx;
  /** Writes events, versions and receipt, and commits. @returns what happened */
  finish(result: unknown): Promise<readonly RecordedEvent[]>;
  /** Why it failed: the first failure of any statement, or else `error`. */
  reason(error: unknown): Promise<unknown>;
}

/**
 * Begins a command's transaction; nothing here waits for the server. Its receipt is claimed, and what it locks before it
 * reads is locked, in the one statement with which it first reads.
 */
export function openCommandTx(graph: Graph, session: Session, claim: Claim): OpenCommand {
  const { header } = claim;
  const recordedAt = new Date(graph.now()).toISOString();
  const transaction = session.beginTransaction();
  const streams = new Map<string, Stream>();
  const events: RecordedEvent[] = [];
  const batch = createBatch();
  const sent: Promise<unknown>[] = [];
  let firstFailure: unknown;
  let remember = true;

  const execute = async ({ cypher, parameters }: Statement): Promise<Row[]> => {
    const { records } = await transaction.run(cypher, toParameters(parameters) as Row);
    return records.map((record) => toPlain(record.toObject()) as Row);
  };

  /** Sends now; whoever has no use for the answer need not look at it. */
  const start = (statement: Statement): Promise<Row[]> => {
    const answer = execute(statement);
    sent.push(answer);
    answer.catch((error) => {
      firstFailure ??= error;
    });
    return answer;
  };

  const flush = () => {
    const statement = batch.take();
    if (statement !== undefined) void start(statement);
  };

  const lock = async <N extends { version: number }>(
    cypher: string,
    owner: KeyOwner,
    kind: StreamKind,
    missing: () => PersonaError,
  ): Promise<N> => {
    const [rows, key] = await Promise.all([
      tx.run<{ node: N & { status?: string } }>(cypher, { id: owner.id }),
      dataKeyOf(graph, tx, owner),
    ]);
    const node = rows[0]?.node;
    if (node === undefined || node.status === 'erased' || node.status === 'merged') throw missing();
    if (key === undefined)
      throw new PersonaError('internal', `the data key of ${kind} ${owner.id} is missing`);
    const known = streams.get(owner.id);
    if (known === undefined) streams.set(owner.id, { kind, key, version: node.version });
    else node.version = known.version;
    return node;
  };

  const streamOf = (id: string): Stream => {
    const stream = streams.get(id);
    if (stream === undefined) throw new Error(`stream ${id} is used before it is locked`);
    return stream;
  };

  const tx: CommandTx = {
    graph,
    header,
    recordedAt,
    async run<T>(cypher: string, parameters: Row = {}): Promise<T[]> {
      const isFirst = sent.length === 0;
      if (!isFirst) flush();
      const statement = isFirst ? batch.takeBefore({ cypher, parameters }) : { cypher, parameters };
      return (await start(statement)) as T[];
    },
    read: (cypher, parameters) => tx.run(cypher, parameters),
    send: batch.add,
    lockCustomer: (id) =>
      lock<CustomerNode>(
        LOCK_CUSTOMER,
        { label: 'CustomerKey', id },
        'customer',
        () => new PersonaError('customer_not_found', `there is no customer ${id}`),
      ),
    lockDevice: (id) =>
      lock<DeviceNode>(
        LOCK_DEVICE,
        { label: 'DeviceKey', id },
        'device',
        () => new PersonaError('device_not_found', `there is no device ${id}`),
      ),
    beginStream(kind, id) {
      const owner: KeyOwner = { label: kind === 'customer' ? 'CustomerKey' : 'DeviceKey', id };
      const { key, wrapped } = DataKey.create(graph.keyRing, owner);
      graph.keyStore.write(tx, owner, wrapped, recordedAt);
      streams.set(id, { kind, key, version: 0 });
    },
    keyOf: (id) => streamOf(id).key,
    versionOf: (id) => streamOf(id).version,
    append<T extends keyof EventData>(event: NewEvent<T>) {
      const stream = streamOf(event.stream_id);
      stream.version += 1;
      const recorded: RecordedEvent<T> = {
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
      events.push(recorded as RecordedEvent);
      const projection = PROJECTIONS[event.type] as Projection<T>;
      if (projection !== null) {
        const secrets = { key: stream.key, blindIndex: graph.blindIndex };
        tx.send(projection.cypher, projectionParameters(projection, recorded, secrets));
      }
      return { id: recorded.id, seq: recorded.seq };
    },
    forget() {
      remember = false;
    },
  };

  claimReceipt(tx, claim);
  return {
    tx,
    async finish(result) {
      if (events.length > 0) {
        tx.send(WRITE_EVENTS, {
          events: events.map((event) => ({ ...event, data: JSON.stringify(event.data) })),
        });
      }
      for (const [id, { kind, version }] of streams) {
        if (!events.some((event) => event.stream_id === id)) continue;
        tx.send(kind === 'customer' ? WRITE_CUSTOMER_VERSION : WRITE_DEVICE_VERSION, { id, version });
      }
      if (remember) rememberAnswer(tx, claim, { graph, result, at: recordedAt });
      else forgetReceipt(tx, claim);
      flush();
      await Promise.all(sent);
      await transaction.commit();
      return events;
    },
    async reason(error) {
      await Promise.allSettled(sent);
      return firstFailure ?? error;
    },
  };
}
