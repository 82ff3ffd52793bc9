/** What erasure has left of payments, once the law does not ask for it any more. */

import type { EventType } from '../../domain/events/event.ts';
import type { Remains } from '../../domain/events/erasure.ts';
import { lastMovement } from '../../domain/retention.ts';
import { addErasedId } from '../erasure/erased-ids.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader, Sender } from '../kernel/reader.ts';
import { runTransaction } from '../kernel/run-transaction.ts';
import { type Due, type Page, pageParameters, toDue } from './page.ts';

// A suggestion in another customer's log still leads to the pseudonym.
const IS_NAMED = 'EXISTS { MATCH (c)-[:POSSIBLY_SAME_AS]-() }';
// Each event says so itself; most are ruled out here by one of their payments.
const FIND = `
  MATCH (c:Customer) WHERE c.id > $after
  WITH c ORDER BY c.id LIMIT $limit
  RETURN count(c) AS read, max(c.id) AS last, collect(
    CASE WHEN c.status = 'erased' AND NOT EXISTS {
      MATCH (c)-[:OWES]->(o:Obligation) WHERE coalesce(o.closed_at, o.opened_at) >= datetime($before)
    } THEN c {.id, named: ${IS_NAMED}} END
  ) AS candidates`;
const READ_EVENTS = `
  MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.seq > 0
  RETURN e.seq AS seq, e.type AS type, e.data AS data, e.recorded_at AS recorded_at, e:Unpublished AS unpublished
  ORDER BY e.seq`;
const LOCK = `
  MATCH (c:Customer {id: $id}) WHERE c.status = 'erased'
  SET c.locked = true
  REMOVE c.locked
  RETURN ${IS_NAMED} AS named`;
const DELETE_PAYMENTS = `
  CALL () {
    UNWIND $payment_ids AS payment_id
    MATCH (o:Obligation {payment_id: payment_id}) WHERE o.customer_id = $id
    DETACH DELETE o
  }
  CALL () {
    UNWIND $payment_ids AS payment_id
    MATCH (a:ChargeAttempt {payment_id: payment_id}) WHERE a.customer_id = $id
    DETACH DELETE a
  }
  CALL () {
    UNWIND $payment_ids AS payment_id
    MATCH (r:Refund {payment_id: payment_id}) WHERE r.customer_id = $id
    DETACH DELETE r
  }`;
const DELETE_EVENT = 'MATCH (e:PersonaEvent {stream_id: $id, seq: $seq}) DELETE e';
const EMPTY_EVENT = 'MATCH (e:PersonaEvent {stream_id: $id, seq: 1}) SET e.data = $data';
const GO_BACK = `
  MATCH (c:Customer {id: $id})
  SET c.version = $seq, c.changed_seq = $seq, c.updated_at = datetime($recorded_at)`;
const DELETE_CUSTOMER = 'MATCH (c:Customer {id: $id}) DETACH DELETE c';

const NOTHING: { remains: Remains } = { remains: { obligations: [], attempts: [], refunds: [] } };

interface Candidate {
  id: string;
  named: boolean;
}

interface ErasedEvent {
  seq: number;
  type: string;
  data: string;
  recorded_at: string;
  unpublished: boolean;
}

/** The pseudonyms of a page all of whose payments are due. @throws PersonaError graph_unavailable */
export async function findOldRemains(reader: Reader, page: Page): Promise<Due<string>> {
  const [row] = await reader.read<{ candidates: Candidate[]; read: number; last: string | null }>(
    FIND,
    pageParameters(page),
  );
  const { candidates = [], read = 0, last = null } = row ?? {};
  const due: string[] = [];
  for (const { id, named } of candidates) {
    const events = await reader.read<ErasedEvent>(READ_EVENTS, { id });
    if (isDue(events, named, page.before)) due.push(id);
  }
  return toDue([{ due, read, last }], page);
}

function isDue(events: readonly ErasedEvent[], named: boolean, before: number): boolean {
  // Anything else is no stream that an erasure has left.
  if (events.some(({ type }) => type !== ('CustomerErased' satisfies EventType))) return false;
  if (named && events.every((event) => paymentsOf(event).length === 0)) return false;
  return events.every(
    (event) => !event.unpublished && lastMovement(remainsOf(event), event.recorded_at) < before,
  );
}

const remainsOf = ({ data }: ErasedEvent) => (JSON.parse(data) as { remains: Remains }).remains;

function paymentsOf(event: ErasedEvent): string[] {
  const { obligations, attempts, refunds } = remainsOf(event);
  return [...new Set([...obligations, ...attempts, ...refunds].map(({ payment_id }) => payment_id))];
}

/**
 * Deletes the stream of a pseudonym with its payments: the last event first, so that graph and log agree after each
 * transaction. Of one that another customer's log names, the first event stays without payments.
 * @param input.before epoch milliseconds
 * @throws PersonaError graph_unavailable
 */
export async function forgetRemains(
  graph: Graph,
  { id, before }: { id: string; before: number },
): Promise<boolean> {
  for (let isOver = false, removed = false; ; ) {
    isOver = await runTransaction(graph, async (statements: Reader & Sender) => {
      const { read, send } = statements;
      const [customer] = await read<{ named: boolean }>(LOCK, { id });
      if (customer === undefined) return true;
      const events = await read<ErasedEvent>(READ_EVENTS, { id });
      const [previous, last] = [events.at(-2), events.at(-1)];
      if (last === undefined || !isDue(events, customer.named, before)) return true;
      send(DELETE_PAYMENTS, { id, payment_ids: paymentsOf(last) });
      if (previous === undefined && customer.named) {
        send(EMPTY_EVENT, { id, data: JSON.stringify(NOTHING) });
        return false;
      }
      send(DELETE_EVENT, { id, seq: last.seq });
      const { recorded_at } = previous ?? last;
      send(GO_BACK, { id, seq: last.seq - 1, recorded_at });
      if (previous !== undefined) return false;
      // Kafka's copy of the log may still have it.
      if (graph.erasedIds) addErasedId(graph, statements, id, new Date(graph.now()).toISOString());
      send(DELETE_CUSTOMER, { id });
      return false;
    });
    if (isOver) return removed;
    removed = true;
  }
}
