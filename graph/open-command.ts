import type { Session } from 'neo4j-driver';
import type { EventData, RecordedEvent } from '../domain/events.ts';
import type { CommandTx, NewEvent } from './command-tx.ts';
import { nextEvent, project, writeEvents } from './event-writes.ts';
import type { Graph } from './graph.ts';
import { type CommandRequest, claimReceipt, deleteReceipt, storeResult } from './receipts.ts';
import { beginStatements } from './statements.ts';
import { Streams } from './streams.ts';
import type { LockSlots } from './lock-queue.ts';

interface OpenCommand {
  readonly tx: CommandTx;
  /** Writes events, versions and receipt, and commits. @returns what happened */
  finish(result: unknown): Promise<readonly RecordedEvent[]>;
  /** Why it failed: the first failure of any statement, or else `error`. */
  rootCause(error: unknown): Promise<unknown>;
}

/** What one run of a command may use. */
export interface Run {
  readonly session: Session;
  readonly slots: LockSlots;
  /** Milliseconds that its transaction may take. */
  readonly timeout: number;
}

/** Begins a command's transaction, with its receipt as the first thing that it writes. */
export function openCommand(
  graph: Graph,
  request: CommandRequest,
  { session, slots, timeout }: Run,
): OpenCommand {
  const { header } = request;
  const recordedAt = new Date(graph.now()).toISOString();
  const statements = beginStatements(session, timeout);
  const streams = new Streams(graph, statements);
  const events: RecordedEvent[] = [];
  let keepsReceipt = true;
  claimReceipt(statements, request);

  /** Takes the place and sends the lock at once: what is sent after it must not overtake it. */
  const withLockSlot = <T>(name: string, lock: () => Promise<T>): Promise<T> => {
    try {
      slots.acquire(name);
    } catch (error) {
      const rejected = Promise.reject(error);
      // A command may look at it only after it has waited for something else.
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
    beginStream: (kind, id) => streams.begin(kind, id, recordedAt),
    keyOf: (id) => streams.get(id).key,
    versionOf: (id) => streams.get(id).version,
    append<T extends keyof EventData>(event: NewEvent<T>) {
      const stream = streams.get(event.stream_id);
      const recorded = nextEvent(stream, event, { header, recordedAt });
      events.push(recorded as RecordedEvent);
      project(statements, recorded, { stream, blindIndex: graph.blindIndex });
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
      if (keepsReceipt) storeResult(statements, request, { graph, result, at: recordedAt });
      else deleteReceipt(statements, request);
      await statements.commit();
      return events;
    },
    rootCause: statements.rootCause,
  };
}
