import type { Graph } from '../graph.ts';

const AWAITS_PROFILE = `
  MATCH (c:Customer {id: $customer_id}) WHERE c.status IN ['active', 'suspended']
  RETURN NOT EXISTS { (c)-[:HAS_BEHAVIORAL_PROFILE]->(:BehavioralProfile) } AS awaits`;

/** Whether Chimera is still to create a baseline for this customer; false for an erased or merged one. */
export async function awaitsBehavioralProfile(
  graph: Graph,
  input: { customer_id: string },
): Promise<boolean> {
  const [row] = await graph.read<{ awaits: boolean }>(AWAITS_PROFILE, input);
  return row?.awaits ?? false;
}
