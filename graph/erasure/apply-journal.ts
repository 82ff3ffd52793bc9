/**
 * A graph that was restored from a backup does not know the erasures since: what the journal says is applied to it before
 * it serves a read.
 */

import { isHidden } from '../../domain/erasure/visibility.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { ErasureJournal, JournalEntry } from '../../domain/ports.ts';
import type { Graph } from '../kernel/graph.ts';
import { runTransaction } from '../kernel/run-transaction.ts';
import { hideCustomer, takeBackErasure } from './hide-customer.ts';
import { readJournal } from './read-journal.ts';

const POSITION = "MATCH (j:ErasureJournal {id: 'journal'}) RETURN j.position AS position";
const STORE_POSITION = `
  MERGE (j:ErasureJournal {id: 'journal'})
  SET j.position = $position, j.applied_at = datetime($now)`;
const KNOWN = `
  UNWIND $ids AS id
  MATCH (e:Erasure {id: id}) WHERE e.hidden_at IS NOT NULL OR e.state <> 'running'
  RETURN id`;
const RUNNING = `
  UNWIND $ids AS id
  MATCH (e:Erasure {id: id}) WHERE e.state = 'running' AND e.settled_at IS NULL
  RETURN id`;
const NEXT_CUSTOMERS = `
  MATCH (c:Customer) WHERE c.id > $after
  RETURN c.id AS id, c.status AS status ORDER BY c.id LIMIT $limit`;
// The journal knows no id: the erasure is as it was requested, about the customer that has the hash.
const RECREATE = `
  MATCH (c:Customer {id: $customer_id})
  SET c.locked = true
  REMOVE c.locked
  MERGE (e:Erasure {id: $erasure_id})
  ON CREATE SET e.hash = $hash, e.requested_at = datetime($at), e.recorded_at = datetime($at)
  SET e.state = 'running', e.customer_id = $customer_id`;
// A backup that is older than the customer: nothing is to be erased, and the id stays unusable.
const CLOSE = `
  MERGE (i:ErasedId {hash: $hash})
  ON CREATE SET i.at = datetime($at)
  MERGE (e:Erasure {id: $erasure_id})
  ON CREATE SET e.hash = $hash, e.requested_at = datetime($at), e.recorded_at = datetime($at)
  SET e.state = 'done', e.finished_at = coalesce(e.finished_at, datetime($now))`;

/** Ids whose hashes are computed at once. */
const PAGE = 5_000;

export interface AppliedJournal {
  /** Customers who were in the graph again, and are hidden now: their erasure goes on by itself. */
  hidden: number;
  /** Entries that cannot be read. */
  unreadable: number;
}

/**
 * Applies what the graph lacks of the journal. Nothing to do takes two short reads.
 * @throws PersonaError journal_unavailable, graph_unavailable
 */
export async function applyJournal(graph: Graph, journal: ErasureJournal): Promise<AppliedJournal> {
  const [stored] = await graph.read<{ position: string }>(POSITION);
  const { erasures: wanted, takenBack, unreadable, position } = await readJournal(journal, stored?.position);
  const applied: AppliedJournal = { hidden: 0, unreadable };
  if (position === stored?.position || position === undefined) return applied;
  // First: a customer has one erasure at a time, and may have asked again after the one that was taken back.
  await takeBackAgain(graph, [...takenBack]);
  const known = await graph.read<{ id: string }>(KNOWN, { ids: [...wanted.keys()] });
  for (const { id } of known) wanted.delete(id);
  if (wanted.size > 0) applied.hidden = await reapply(graph, [...wanted.values()]);
  const now = new Date(graph.now()).toISOString();
  await runTransaction(graph, async ({ send }) => send(STORE_POSITION, { position, now }));
  return applied;
}

/** Of a graph from before they were taken back, which would erase the customers all the same. */
async function takeBackAgain(graph: Graph, ids: readonly string[]): Promise<void> {
  for (const { id: erasure_id } of await graph.read<{ id: string }>(RUNNING, { ids })) {
    try {
      await takeBackErasure(graph, { erasure_id, by: { actor: 'persona', correlationId: erasure_id } });
    } catch (error) {
      // Another process that starts has done so meanwhile.
      if (!(error instanceof PersonaError) || error.type !== 'illegal_transition') throw error;
    }
  }
}

async function reapply(graph: Graph, entries: readonly JournalEntry[]): Promise<number> {
  const byHash = new Map(entries.map((entry) => [entry.hash, entry]));
  let hidden = 0;
  for (let after = ''; ; ) {
    const page = await graph.read<{ id: string; status: string }>(NEXT_CUSTOMERS, { after, limit: PAGE });
    for (const { id, status } of page) {
      const hash = graph.erasedIds?.hashes('erased', id).find((one) => byHash.has(one));
      const entry = hash === undefined ? undefined : byHash.get(hash);
      if (entry === undefined) continue;
      await rehide(graph, id, status, entry);
      byHash.delete(entry.hash);
      hidden += 1;
    }
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.id;
  }
  const now = new Date(graph.now()).toISOString();
  await runTransaction(graph, async ({ send }) => {
    for (const entry of byHash.values()) send(CLOSE, { ...entry, now });
  });
  return hidden;
}

async function rehide(graph: Graph, customer_id: string, status: string, entry: JournalEntry): Promise<void> {
  const { erasure_id, hash, at } = entry;
  await runTransaction(graph, async ({ send }) => send(RECREATE, { customer_id, erasure_id, hash, at }));
  if (isHidden(status)) return;
  await hideCustomer(graph, { erasure_id, customer_id, by: { actor: 'persona', correlationId: erasure_id } });
}
