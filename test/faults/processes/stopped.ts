/** What a process is doing when a crash meets it, and what must have come of it in the end. */

import { reached } from '../points.ts';
import { COMMIT, type StopAt } from '../proxy.ts';
import type { FaultSystem } from '../system.ts';

/** A process that stands still at a request to Neo4j. */
export interface Stopped {
  at: string;
  release(): void;
  /** Fails until everything has come to its right end. */
  expectEnd(): Promise<void>;
}

/** Before a transaction is sent, and after it is committed, its answer lost. */
export interface Moment {
  name: string;
  stopAt(...marks: string[]): StopAt;
}

export const MOMENTS: readonly Moment[] = [
  { name: 'before', stopAt: (...marks) => ({ requests: [marks], hold: 'request' }) },
  { name: 'after', stopAt: (...marks) => ({ requests: [marks, [COMMIT]], hold: 'answer' }) },
];

/** Begins something, and waits until it stands there. */
export async function stopThere(
  { neo4j }: FaultSystem,
  point: { at: string; stop: StopAt; begin(): Promise<void>; expectEnd(): Promise<void> },
): Promise<Stopped> {
  const { at, stop: where, begin, expectEnd } = point;
  const stop = neo4j.proxy.stopAt(where);
  await begin();
  await reached(stop, at);
  return { at, release: () => stop.release(), expectEnd };
}

const EVENTS = 'MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.type AS type, e.data AS data ORDER BY e.seq';

/** What the log says of a customer, of one type. */
export async function eventsOf<T>({ graph }: FaultSystem, id: string, type: string): Promise<T[]> {
  const events = await graph.read<{ type: string; data: string }>(EVENTS, { id });
  return events.filter((event) => event.type === type).map(({ data }) => JSON.parse(data) as T);
}

/** Each once: a receiver of webhooks recognises a repeat by the notification's id. */
export async function noticesTo({ evidence }: FaultSystem, customerId: string): Promise<string[]> {
  const inbox = await evidence.inbox(customerId);
  return [...new Set(inbox.map(({ notification_id }) => notification_id))].sort();
}
