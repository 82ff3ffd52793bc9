import type { Graph } from '../kernel/graph.ts';

const READ_RELAY = `
  MATCH (r:Relay {id: 'events'}) WHERE r.drains_since IS NOT NULL
  RETURN coalesce(r.published_until, r.drains_since) AS published_until`;
const COUNT = 'MATCH (e:Unpublished) RETURN count(e) AS events';

/** How far publishing is behind. */
export interface OutboxLag {
  /** Events yet to be published. */
  readonly events: number;
  /** The age that the oldest of them has at most. */
  readonly seconds: number;
}

/** @returns `undefined` if nothing was ever published: no process had Kafka. @throws PersonaError graph_unavailable */
export async function getOutboxLag(graph: Graph): Promise<OutboxLag | undefined> {
  const [[relay], [count]] = await Promise.all([
    graph.read<{ published_until: string }>(READ_RELAY),
    graph.read<{ events: number }>(COUNT),
  ]);
  if (relay === undefined) return undefined;
  const { events = 0 } = count ?? {};
  const age = Math.max(0, graph.now() - Date.parse(relay.published_until));
  return { events, seconds: events === 0 ? 0 : age / 1000 };
}
