import { getDisclosures as readDisclosures } from '../graph/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { DisclosureView } from './views.ts';

/**
 * Who was told what about a customer, and on how many days, the latest first.
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function getDisclosures(
  { graph }: Pick<ServiceDependencies, 'graph'>,
  ids: { customer_id: string },
): Promise<{ items: DisclosureView[] }> {
  return { items: await readDisclosures(graph, ids) };
}
