import { keyIdOf } from '../../security/blind-index.ts';
import type { KeyOwner } from '../../security/data-key.ts';
import type { Graph } from '../kernel/graph.ts';
import { dataKeyOf, unreadableReason } from '../kernel/key-store.ts';

const ANY_KEYS = `
  OPTIONAL MATCH (c:CustomerKey) WITH c LIMIT 1
  OPTIONAL MATCH (d:DeviceKey) WITH c, d LIMIT 1
  OPTIONAL MATCH (i:DigitalIdentifier) WITH c, d, i LIMIT 1
  RETURN c.customer_id AS customer_id, d.device_id AS device_id, i.value_hash AS hash`;

/**
 * Checks that the configured keys can read the graph's data. One node of each kind is enough, because all were written
 * with the same rings.
 * @returns the reasons why not; empty if they can, or there is no data yet
 * @throws PersonaError graph_unavailable
 */
export async function findKeyProblems(graph: Graph): Promise<string[]> {
  const [row] = await graph.read<{
    customer_id: string | null;
    device_id: string | null;
    hash: string | null;
  }>(ANY_KEYS);
  if (row === undefined) return [];
  const { customer_id, device_id, hash } = row;
  return [
    ...(await keyProblem(graph, 'CustomerKey', customer_id)),
    ...(await keyProblem(graph, 'DeviceKey', device_id)),
    ...(hash === null || hasBlindKey(graph, hash)
      ? []
      : [`PERSONA_BLIND_KEYS lacks the key ${keyIdOf(hash)}, with which stored identifiers are hashed`]),
  ];
}

async function keyProblem(graph: Graph, label: KeyOwner['label'], id: string | null): Promise<string[]> {
  if (id === null) return [];
  try {
    await dataKeyOf(graph, graph, { label, id });
    return [];
  } catch (error) {
    return [unreadableReason(error)];
  }
}

/** A hash contains the id of its key. */
function hasBlindKey(graph: Graph, hash: string): boolean {
  return graph.blindIndex.hashes('email', '').some((own) => keyIdOf(own) === keyIdOf(hash));
}
