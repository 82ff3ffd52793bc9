/**
 * Compares the graph with its log: the events are folded in memory, by a second implementation of what each of them
 * means, and the result must equal the graph (docs/reference/graph.md, 'The event log').
 */

import { PersonaError } from '../../domain/errors.ts';
import type { Difference } from '../events/model.ts';
import { concurrently } from '../kernel/concurrently.ts';
import type { Graph } from '../kernel/graph.ts';
import { compare } from './compare.ts';
import { brokenInvariants } from './invariants.ts';
import { readLive, readVersion } from './live.ts';
import { isErasedStream, readKey, readStream, replay, type Stream } from './stream.ts';

export interface VerificationTotals {
  customers: number;
  devices: number;
  personas: number;
  configurations: number;
  events: number;
  differences: number;
}

const TOTAL_OF = {
  customer: 'customers',
  device: 'devices',
  catalogue: 'personas',
  configuration: 'configurations',
} as const satisfies Record<Stream['kind'], keyof VerificationTotals>;

/** A stream that is written to while it is read is read at most this many times. */
const MAX_ATTEMPTS = 20;
const PAGE = 200;

/**
 * Compares everything that a customer's stream describes with the graph: the customer, wallet, obligations, attempts,
 * addresses, identifiers, profile and every edge, with every property; and checks the graph's invariants there.
 * @returns the differences; none: the graph agrees with its log
 * @throws PersonaError customer_not_found, if neither graph nor log knows the id; graph_unavailable
 */
export async function verifyCustomer(graph: Graph, customerId: string): Promise<Difference[]> {
  const stream: Stream = { kind: 'customer', id: customerId };
  const { events, differences } = await verifyStream(graph, stream);
  if (events === 0 && (await readVersion(graph, stream)) === undefined)
    throw new PersonaError('customer_not_found', `there is no customer ${customerId}`);
  return differences;
}

/**
 * The same for every stream, and for orphans. Memory holds a few streams at a time, however large
 * the graph is.
 * @param options.onDifference called with each difference as it is found
 * @throws PersonaError graph_unavailable
 */
export async function verifyAll(
  graph: Graph,
  { onDifference }: { onDifference: (difference: Difference) => void },
): Promise<VerificationTotals> {
  const totals: VerificationTotals = {
    ...{ customers: 0, devices: 0, personas: 0, configurations: 0 },
    ...{ events: 0, differences: 0 },
  };
  const report = (differences: readonly Difference[]) => {
    for (const difference of differences) onDifference(difference);
    totals.differences += differences.length;
  };
  for await (const page of streamsOf(graph)) {
    await concurrently(page, async (stream) => {
      const { events, differences } = await verifyStream(graph, stream);
      totals[TOTAL_OF[stream.kind]] += 1;
      totals.events += events;
      report(differences);
    });
  }
  report(await findOrphans(graph));
  return totals;
}

/**
 * The same for some streams.
 * @throws PersonaError graph_unavailable
 */
export async function verifyStreams(graph: Graph, streams: readonly Stream[]): Promise<Difference[]> {
  const found: Difference[] = [];
  await concurrently(streams, async (stream) => {
    found.push(...(await verifyStream(graph, stream)).differences);
  });
  return found;
}

/** Commands continue meanwhile: a reading counts only if no event was appended between its first and last query. */
async function verifyStream(
  graph: Graph,
  stream: Stream,
): Promise<{ events: number; differences: Difference[] }> {
  for (let attempt = 1; ; attempt += 1) {
    const version = await readVersion(graph, stream);
    // Its stream is being replaced.
    if (stream.kind === 'customer' && (await isBeingForgotten(graph, stream.id)))
      return { events: 0, differences: [] };
    const [events, key] = await Promise.all([readStream(graph, stream), readKey(graph, stream)]);
    const expected = replay(graph, stream, events, key);
    const live = await readLive(graph, stream, expected);
    if ((await readVersion(graph, stream)) !== version && attempt < MAX_ATTEMPTS) continue;
    // Without the key nothing can be compared, and the one inconsistency says so.
    const differences =
      typeof key === 'string' && events.length > 0 && !isErasedStream(events)
        ? []
        : [...compare(expected, live), ...brokenInvariants(live)];
    return { events: events.length, differences: [...expected.inconsistencies, ...differences] };
  }
}

const BEING_FORGOTTEN =
  'MATCH (e:Erasure {customer_id: $id}) WHERE e.pseudonym IS NOT NULL RETURN true AS found';

/** Whether the customer's key is destroyed and an erasure is deleting the rest. */
async function isBeingForgotten(graph: Graph, id: string): Promise<boolean> {
  return (await graph.read(BEING_FORGOTTEN, { id })).length > 0;
}

// An index on two properties is used only if the statement names both: hence seq.
const NEXT_STREAMS = `
  MATCH (e:PersonaEvent) WHERE e.stream_id > $after AND e.seq > 0
  WITH DISTINCT e.stream_id AS id, e.stream AS kind
  RETURN id, kind ORDER BY id LIMIT $limit`;
const NODES_WITHOUT_EVENTS = `
  MATCH (n:Customer|Device)
  WHERE NOT EXISTS { MATCH (e:PersonaEvent {stream_id: n.id}) WHERE e.seq > 0 }
    AND NOT EXISTS { MATCH (:Erasure {customer_id: n.id}) }
  RETURN labels(n)[0] + '/' + n.id AS where
  UNION
  MATCH (n:AgentPersona)
  WHERE NOT EXISTS { MATCH (e:PersonaEvent {stream_id: n.name}) WHERE e.seq > 0 }
  RETURN 'AgentPersona/' + n.name AS where
  UNION
  MATCH (n:PersonaConfiguration)
  WHERE NOT EXISTS { MATCH (e:PersonaEvent {stream_id: n.key}) WHERE e.seq > 0 }
  RETURN 'PersonaConfiguration/' + n.key AS where`;

async function* streamsOf(graph: Graph): AsyncGenerator<Stream[]> {
  for (let after = ''; ; ) {
    const page = await graph.read<Stream>(NEXT_STREAMS, { after, limit: PAGE });
    const last = page.at(-1);
    if (last === undefined) break;
    yield page;
    after = last.id;
  }
}

// Nodes that belong to a customer are compared with that customer's log; these belong to none.
const ORPHANS = `
  MATCH (n:PaymentMethod|Address|DigitalIdentifier|BehavioralProfile|Obligation)
  WHERE NOT EXISTS { (:Customer)-->(n) }
  RETURN labels(n)[0] + '/' + coalesce(n.id, n.payment_id, elementId(n)) AS where
  UNION
  MATCH (n:ChargeAttempt)
  WHERE NOT EXISTS { (:Customer {id: n.customer_id}) }
  RETURN 'ChargeAttempt/' + coalesce(n.key, elementId(n)) AS where
  UNION
  MATCH (n:Overpayment|Refund)
  WHERE NOT EXISTS { (:Customer {id: n.customer_id}) }
  RETURN labels(n)[0] + '/' + coalesce(n.id, elementId(n)) AS where
  UNION
  MATCH (n:Notice)
  WHERE n.state IS NOT NULL AND NOT EXISTS { (:Customer {id: n.customer_id}) }
  RETURN 'Notice/' + n.notification_id AS where
  UNION
  MATCH (n:FraudCase)
  WHERE NOT EXISTS { (:Customer {id: n.customer_id}) }
  RETURN 'FraudCase/' + coalesce(n.case_id, elementId(n)) AS where`;

async function findOrphans(graph: Graph): Promise<Difference[]> {
  const withoutEvents = await graph.read<{ where: string }>(NODES_WITHOUT_EVENTS);
  const unowned = await graph.read<{ where: string }>(ORPHANS);
  return [
    ...withoutEvents.map(({ where }) => ({ where, property: 'exists', expected: false, found: true })),
    ...unowned.map(({ where }) => ({ where, property: 'owner', expected: 'a customer', found: 'none' })),
  ];
}
