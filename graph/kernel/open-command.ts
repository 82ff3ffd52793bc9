import type { Session } from 'neo4j-driver';
import type { EventType, RecordedEvent } from '../../domain/events/event.ts';
import type { CommandTx, NewEvent } from './command-tx.ts';
import { nextEvent, project, writeEvents } from './event-writes.ts';
import type { Graph } from './graph.ts';
import type { LockSlots } from './lock-queue.ts';
import { type CommandRequest, claimReceipt, deleteReceipt, storeResult } from './receipts.ts';
import { beginStatements } from './statements.ts';
import { Streams } from './streams.ts';

interface OpenCommand {
  readonly tx: CommandTx;
  /** Writes events, versions and receipt, and commits. @returns the events */
  finish(result: unknown): Promise<readonly RecordedEvent[]>;
  /** The cause of a failure: the first failure of any statement, or else `error`. */
  rootCause(error: unknown): Promise<unknown>;
}

/** The resources of one run of a command. */
export interface Run {
  readonly session: Session;
  readonly slots: LockSlots;
  /** Time limit of its transaction, in milliseconds. */
  readonly timeout: number;
}

/** Starts a command's transaction, whose first write claims the receipt. */
export function openCommand(
  graph: Graph,
  request: CommandRequest,
  { session, slots, timeout }: Run,
): OpenCommand {
  const { header } = request;
  const { projections, blindIndex } = graph;
  const recordedAt = new Date(graph.now()).toISOString();
  const statements = beginStatements(session, timeout);
  const streams = new Streams(graph, statements, header.caller);
  const events: RecordedEvent[] = [];
  let keepsReceipt = true;
  claimReceipt(statements, request);

  /** Acquires the slot and sends the lock synchronously: later statements must not overtake it. */
  const withLockSlot = <T>(name: string, lock: () => Promise<T>): Promise<T> => {
    try {
      slots.acquire(name);
    } catch (error) {
      const rejected = Promise.reject(error);
      // A command may await it only after it has awaited something else.
      rejected.catch(() => {});
      return rejected;
    }
    return lock();
  };

  const tx: CommandTx = {
    graph,
    header,
    recordedAt,
    run: statements.read,
    read: statements.read,
    send: statements.send,
    acquireLockSlot: (lock) => slots.acquire(lock),
    lockCustomer: (id) => withLockSlot(`customer:${id}`, () => streams.lockCustomer(id)),
    lockDevice: (id) => withLockSlot(`device:${id}`, () => streams.lockDevice(id)),
    lockEntry: (kind, id) => withLockSlot(`${kind}:${id}`, () => streams.lockEntry(kind, id)),
    beginStream: (kind, id) => streams.begin(kind, id, recordedAt),
    keyOf: (id) => streams.get(id).key,
    versionOf: (id) => streams.get(id).version,
    append<T extends EventType>(event: NewEvent<T>) {
      const stream = streams.get(event.stream_id);
      const recorded = nextEvent(stream, event, { header, recordedAt });
      events.push(recorded as RecordedEvent);
      project(statements, recorded, { stream, projections, blindIndex });
      return { id: recorded.id, seq: recorded.seq };
    },
    discardReceipt() {
      keepsReceipt = false;
    },
  };

  return {
    tx,
    async finish(result) {
      writeEvents(statements, events);
      streams.writeVersions();
      if (keepsReceipt)
        storeResult(statements, request, { graph, result, at: recordedAt, streamId: streams.ownerId });
      else deleteReceipt(statements, request);
      await statements.commit();
      return events;
    },
    rootCause: statements.rootCause,
  };
}
