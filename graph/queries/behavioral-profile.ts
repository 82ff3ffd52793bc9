import type { Graph } from '../graph.ts';

const HAS_PROFILE = `
  MATCH (c:Customer {id: $customer_id})
  RETURN EXISTS { (c)-[:HAS_BEHAVIORAL_PROFILE]->(:BehavioralProfile) } AS has_profile`;

/** Has Chimera made a baseline of this customer already? */
export async function hasBehavioralProfile(graph: Graph, input: { customer_id: string }): Promise<boolean> {
  const [row] = await graph.read<{ has_profile: boolean }>(HAS_PROFILE, input);
  return row?.has_profile ?? false;
}
