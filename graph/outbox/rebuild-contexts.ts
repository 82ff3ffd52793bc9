/** The rebuild of the topic with every customer's newest context: requested by an operator, done by the relay. */

import { v7 as uuidv7 } from 'uuid';
import type { Graph } from '../kernel/graph.ts';
import { runTransaction } from '../kernel/run-transaction.ts';

/** A rebuild in progress. */
export interface ContextRebuild {
  /** Another one has another id. */
  readonly id: string;
  /** The last customer whose context was published; empty: none yet. */
  readonly after: string;
  /** Customers so far. */
  readonly published: number;
}

// One that is in progress is joined. The first statement locks the node.
const REQUEST = `
  MATCH (r:Relay {id: 'events'}) WHERE r.drains_since IS NOT NULL
  SET r.contexts_rebuild = coalesce(r.contexts_rebuild, $id)
  SET r.contexts_after = coalesce(r.contexts_after, ''), r.contexts_published = coalesce(r.contexts_published, 0)
  RETURN r.contexts_rebuild AS id, r.contexts_after AS after, r.contexts_published AS published`;
const READ = `
  MATCH (r:Relay {id: 'events'}) WHERE r.contexts_rebuild IS NOT NULL
  RETURN r.contexts_rebuild AS id, r.contexts_after AS after, r.contexts_published AS published`;
const NEXT_CUSTOMERS = 'MATCH (c:Customer) WHERE c.id > $after RETURN c.id AS id ORDER BY c.id LIMIT $limit';
const LOCK =
  "MATCH (r:Relay {id: 'events'}) SET r.locked = true REMOVE r.locked WITH r WHERE r.contexts_rebuild = $id";
const STORE = `${LOCK} SET r.contexts_after = $after, r.contexts_published = $published`;
const FINISH = `${LOCK} REMOVE r.contexts_rebuild, r.contexts_after, r.contexts_published`;

/** @returns `undefined`: nothing was ever published, so there is no relay. @throws PersonaError graph_unavailable */
export async function requestContextRebuild(graph: Graph): Promise<ContextRebuild | undefined> {
  return await runTransaction(graph, async ({ read }) => {
    const [row] = await read<ContextRebuild>(REQUEST, { id: uuidv7() });
    return row;
  });
}

/** @returns `undefined`: none is in progress. @throws PersonaError graph_unavailable */
export async function readContextRebuild(graph: Graph): Promise<ContextRebuild | undefined> {
  const [row] = await graph.read<ContextRebuild>(READ);
  return row;
}

/** @returns ids in their order. @throws PersonaError graph_unavailable */
export async function readCustomersAfter(graph: Graph, after: string, limit: number): Promise<string[]> {
  const rows = await graph.read<{ id: string }>(NEXT_CUSTOMERS, { after, limit });
  return rows.map(({ id }) => id);
}

/** Of another rebuild, which began meanwhile, nothing is stored. @throws PersonaError graph_unavailable */
export async function storeContextRebuild(
  graph: Graph,
  { id, after, published }: ContextRebuild,
): Promise<void> {
  await runTransaction(graph, async ({ send }) => send(STORE, { id, after, published }));
}

/** @throws PersonaError graph_unavailable */
export async function finishContextRebuild(graph: Graph, { id }: ContextRebuild): Promise<void> {
  await runTransaction(graph, async ({ send }) => send(FINISH, { id }));
}
