/** Processes stopped at the moment of a crash, and their expected final results. */

import { waitUntilReached } from '../recovery-points.ts';
import { COMMIT, type StopCondition } from '../proxy.ts';
import type { FaultSystem } from '../system.ts';

/** A process that is stopped at a request to Neo4j. */
export interface StoppedProcess {
  at: string;
  release(): void;
  /** Fails until everything has reached its expected result. */
  expectEnd(): Promise<void>;
}

/** Before a transaction is sent, or after it is committed with its response lost. */
export interface CommitMoment {
  name: string;
  stopAt(...patterns: string[]): StopCondition;
}

export const COMMIT_MOMENTS: readonly CommitMoment[] = [
  { name: 'before', stopAt: (...patterns) => ({ requests: [patterns], hold: 'request' }) },
  { name: 'after', stopAt: (...patterns) => ({ requests: [patterns, [COMMIT]], hold: 'answer' }) },
];

/** Starts a process, and waits until it is stopped at the point. */
export async function stopProcessAt(
  { neo4j }: FaultSystem,
  point: { at: string; stop: StopCondition; begin(): Promise<void>; expectEnd(): Promise<void> },
): Promise<StoppedProcess> {
  const { at, stop: where, begin, expectEnd } = point;
  const stop = neo4j.proxy.stopAt(where);
  await begin();
  await waitUntilReached(stop, at);
  return { at, release: () => stop.release(), expectEnd };
}

const EVENTS = 'MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.type AS type, e.data AS data ORDER BY e.seq';

/** A customer's events of one type. */
export async function eventsOf<T>({ graph }: FaultSystem, id: string, type: string): Promise<T[]> {
  const events = await graph.read<{ type: string; data: string }>(EVENTS, { id });
  return events.filter((event) => event.type === type).map(({ data }) => JSON.parse(data) as T);
}

/** Without repeats: a webhook receiver recognises them by the notification's id. */
export async function noticesTo({ inspector }: FaultSystem, customerId: string): Promise<string[]> {
  const inbox = await inspector.inbox(customerId);
  return [...new Set(inbox.map(({ notification_id }) => notification_id))].sort();
}
