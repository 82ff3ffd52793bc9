import type { Session } from 'neo4j-driver';
import type { EventData, RecordedEvent } from '../domain/events.ts';
import type { CommandTx, NewEvent } from './command-tx.ts';
import { nextEvent, project, writeEvents } from './event-writes.ts';
import type { Graph } from './graph.ts';
import { type Claim, claimReceipt, forgetReceipt, rememberAnswer } from './receipts.ts';
import { beginStatements } from './statements.ts';
import { Streams } from './streams.ts';
import type { Places } from './turnstile.ts';

interface OpenCommand {
  readonly tx: CommandTx;
  /** Writes events, versions and receipt, and commits. @returns what happened */
  finish(result: unknown): Promise<readonly RecordedEvent[]>;
  /** Why it failed: the first failure of any statement, or else `error`. */
  reason(error: unknown): Promise<unknown>;
}

/** What one run of a command may use. */
export interface Run {
  readonly session: Session;
  readonly places: Places;
  /** Milliseconds that its transaction may take. */
  readonly timeout: number;
}

/** Begins a command's transaction, with its receipt as the first thing that it writes. */
export function openCommand(graph: Graph, claim: Claim, { session, places, timeout }: Run): OpenCommand {
  const { header } = claim;
  const recordedAt = new Date(graph.now()).toISOString();
  const statements = beginStatements(session, timeout);
  const streams = new Streams(graph, statements);
  const events: RecordedEvent[] = [];
  let remember = true;
  claimReceipt(statements, claim);

  /** Takes the place and sends the lock at once: what is sent after it must not overtake it. */
  const atPlace = <T>(name: string, lock: () => Promise<T>): Promise<T> => {
    try {
      places.take(name);
    } catch (error) {
      const crowded = Promise.reject(error);
      // A command may look at it only after it has waited for something else.
      crowded.catch(() => {});
      return crowded;
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
    takePlace: (lock) => places.take(lock),
    lockCustomer: (id) => atPlace(`customer:${id}`, () => streams.lockCustomer(id)),
    lockDevice: (id) => atPlace(`device:${id}`, () => streams.lockDevice(id)),
    beginStream: (kind, id) => streams.begin(kind, id, recordedAt),
    keyOf: (id) => streams.of(id).key,
    versionOf: (id) => streams.of(id).version,
    append<T extends keyof EventData>(event: NewEvent<T>) {
      const stream = streams.of(event.stream_id);
      const recorded = nextEvent(stream, event, { header, recordedAt });
      events.push(recorded as RecordedEvent);
      project(statements, recorded, { stream, blindIndex: graph.blindIndex });
      return { id: recorded.id, seq: recorded.seq };
    },
    forget() {
      remember = false;
    },
  };

  return {
    tx,
    async finish(result) {
      writeEvents(statements, events);
      streams.writeVersions();
      if (remember) rememberAnswer(statements, claim, { graph, result, at: recordedAt });
      else forgetReceipt(statements, claim);
      await statements.commit();
      return events;
    },
    reason: statements.reason,
  };
}
