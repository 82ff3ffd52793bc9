/**
 * The record of each erasure, apart from the log: which step was done when, and while it runs whom it is about. Nothing
 * of it is personal once it is done; it is the page that a caller with its id may read.
 */

import { randomUUID } from 'node:crypto';
import {
  ERASURE_STEPS,
  type ErasureState,
  type ErasureStep,
  type ErasureWait,
} from '../../domain/erasure/steps.ts';
import { isHidden } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';
import { runTransaction } from '../kernel/run-transaction.ts';
import { requireErasedIds } from './erased-ids.ts';

/** Times are RFC 3339. */
export interface Erasure {
  erasure_id: string;
  state: ErasureState;
  requested_at: string;
  /** When each step was done. */
  done_at: Partial<Record<ErasureStep, string>>;
  waiting_for: ErasureWait[];
  finished_at?: string;
}

/** Whom an erasure is about, for the process that runs it. */
export interface ErasureSubject extends Erasure {
  /** Absent once nothing of the customer is left, or it was taken back. */
  customer_id?: string;
  /** Of the customer's id, for the journal. */
  hash: string;
}

const LOCK = `
  MATCH (c:Customer {id: $customer_id})
  SET c.locked = true
  REMOVE c.locked
  RETURN c.status AS status`;
const FIND = 'MATCH (e:Erasure {customer_id: $customer_id}) RETURN e.id AS erasure_id';
const CREATE = `
  CREATE (:Erasure {
    id: $id, customer_id: $customer_id, state: 'running', hash: $hash, requested_at: datetime($now)
  })`;
const FIND_TAKEN_BACK = `
  MATCH (e:Erasure) WHERE e.state = 'cancelled' AND e.id > '' AND e.hash IN $hashes
  RETURN e.id AS erasure_id ORDER BY e.finished_at DESC LIMIT 1`;
const READ = 'MATCH (e:Erasure {id: $erasure_id}) RETURN properties(e) AS node';
const MARK = ERASURE_STEPS.map(
  (step) =>
    [
      step,
      `MATCH (e:Erasure {id: $erasure_id}) SET e.${step}_at = coalesce(e.${step}_at, datetime($now)), e.waiting_for = null`,
    ] as const,
);
const MARK_STEP = Object.fromEntries(MARK) as Record<ErasureStep, string>;
const SET_WAITING = 'MATCH (e:Erasure {id: $erasure_id}) SET e.waiting_for = $waiting_for';
// By a process that had read the customer before they were hidden, and wrote while everything else was deleted.
const DELETE_LATE_DISCLOSURES = `
  MATCH (e:Erasure {id: $erasure_id})
  MATCH (n:Disclosure)
  WHERE n.customer_id = e.customer_id AND n.day > '' AND n.recipient IS NOT NULL AND n.purpose IS NOT NULL
  DELETE n
  RETURN count(*) AS deleted`;
const FINISH = `
  MATCH (e:Erasure {id: $erasure_id}) WHERE e.state = 'running'
  SET e.state = 'done', e.finished_at = datetime($now)
  REMOVE e.customer_id, e.pseudonym, e.streams, e.waiting_for, e.status_before`;
const RUNNING = `
  MATCH (e:Erasure) WHERE e.state = 'running' AND e.id > $after
    AND ($before IS NULL OR e.requested_at < datetime($before))
  RETURN properties(e) AS node ORDER BY e.id LIMIT $limit`;
const COUNT_OVERDUE = `
  MATCH (e:Erasure) WHERE e.state = 'running' AND e.id > '' AND e.requested_at < datetime($before)
  RETURN count(e) AS overdue`;

/** The running erasure of a customer. @throws PersonaError graph_unavailable */
export async function findErasure(reader: Reader, customer_id: string): Promise<string | undefined> {
  const [row] = await reader.read<{ erasure_id: string }>(FIND, { customer_id });
  return row?.erasure_id;
}

/** The last erasure of a customer that was taken back. @throws PersonaError erasure_not_configured, graph_unavailable */
export async function findErasureTakenBack(graph: Graph, customer_id: string): Promise<string | undefined> {
  const hashes = requireErasedIds(graph).hashes('erased', customer_id);
  const [row] = await graph.read<{ erasure_id: string }>(FIND_TAKEN_BACK, { hashes });
  return row?.erasure_id;
}

type Node = { id: string; state: ErasureState; requested_at: string; hash: string } & Record<string, unknown>;

/**
 * The erasure of a customer: a new one, or the one that runs.
 * @throws PersonaError customer_not_found; erasure_not_configured; graph_unavailable
 */
export async function requestErasure(
  graph: Graph,
  { customer_id }: { customer_id: string },
): Promise<{ erasure_id: string }> {
  const hash = requireErasedIds(graph).hash('erased', customer_id);
  return runTransaction(graph, async ({ read, send }) => {
    const [customer] = await read<{ status: string }>(LOCK, { customer_id });
    const [running] = await read<{ erasure_id: string }>(FIND, { customer_id });
    if (running !== undefined) return running;
    if (customer === undefined || isHidden(customer.status) || customer.status === 'merged')
      throw new PersonaError('customer_not_found', `there is no customer ${customer_id}`);
    // Random in all its bits, as its page asks for nothing else.
    const id = randomUUID();
    send(CREATE, { id, customer_id, hash, now: new Date(graph.now()).toISOString() });
    return { erasure_id: id };
  });
}

/** @throws PersonaError erasure_not_found, graph_unavailable */
export async function getErasure(reader: Reader, erasure_id: string): Promise<Erasure> {
  const { customer_id: _, hash: __, ...erasure } = await readErasureSubject(reader, erasure_id);
  return erasure;
}

/** @throws PersonaError erasure_not_found, graph_unavailable */
export async function readErasureSubject(reader: Reader, erasure_id: string): Promise<ErasureSubject> {
  const [row] = await reader.read<{ node: Node }>(READ, { erasure_id });
  if (row === undefined) throw new PersonaError('erasure_not_found', 'there is no erasure with this id');
  return subjectOf(row.node);
}

function subjectOf({ id, state, requested_at, hash, ...node }: Node): ErasureSubject {
  const done = ERASURE_STEPS.flatMap((step) => (node[`${step}_at`] ? [[step, node[`${step}_at`]]] : []));
  return {
    erasure_id: id,
    ...{ state, requested_at, hash },
    done_at: Object.fromEntries(done) as Erasure['done_at'],
    waiting_for: (node.waiting_for ?? []) as ErasureWait[],
    ...(typeof node.customer_id === 'string' && { customer_id: node.customer_id }),
    ...(typeof node.finished_at === 'string' && { finished_at: node.finished_at }),
  };
}

/** The step is done; the first time counts. @throws PersonaError graph_unavailable */
export async function markStep(graph: Graph, erasure_id: string, step: ErasureStep): Promise<void> {
  const now = new Date(graph.now()).toISOString();
  await runTransaction(graph, async ({ send }) => send(MARK_STEP[step], { erasure_id, now }));
}

/** @throws PersonaError graph_unavailable */
export async function setWaiting(
  graph: Graph,
  erasure_id: string,
  waiting_for: readonly ErasureWait[],
): Promise<void> {
  await runTransaction(graph, async ({ send }) => send(SET_WAITING, { erasure_id, waiting_for }));
}

/** From now on nothing leads from the erasure to the customer. @throws PersonaError graph_unavailable */
export async function finishErasure(graph: Graph, erasure_id: string): Promise<void> {
  const now = new Date(graph.now()).toISOString();
  await runTransaction(graph, async ({ read, send }) => {
    await read(DELETE_LATE_DISCLOSURES, { erasure_id });
    send(FINISH, { erasure_id, now });
  });
}

/** Those that run, in the order of their ids. @param before epoch milliseconds: only those requested earlier. @throws PersonaError graph_unavailable */
export async function findRunningErasures(
  reader: Reader,
  { after, limit, before }: { after: string; limit: number; before?: number },
): Promise<Erasure[]> {
  const rows = await reader.read<{ node: Node }>(RUNNING, {
    ...{ after, limit },
    before: before === undefined ? null : new Date(before).toISOString(),
  });
  return rows.map(({ node }) => {
    const { customer_id: _, hash: __, ...erasure } = subjectOf(node);
    return erasure;
  });
}

/** @param before epoch milliseconds: those requested earlier and still running. @throws PersonaError graph_unavailable */
export async function countOverdueErasures(reader: Reader, before: number): Promise<number> {
  const [row] = await reader.read<{ overdue: number }>(COUNT_OVERDUE, {
    before: new Date(before).toISOString(),
  });
  return row?.overdue ?? 0;
}
