import {
  findConnectedCustomers as findConnected,
  findCustomersByUsage as findByUsage,
  isUsageStart,
  type UsagePlace,
} from '../graph/index.ts';
import type { ServiceDeps } from './deps.ts';
import { readCursor, refuseCursor, writeCursor } from './pages.ts';
import type { UsageRequest } from './services.ts';
import type { ConnectedCustomerView, CustomerSummaryView, Page } from './views.ts';

type Deps = Pick<ServiceDeps, 'graph' | 'policy'>;

/**
 * A page of the customers who used what is asked and shipped to where is asked.
 *
 * @throws PersonaError invalid_argument (the cursor), graph_unavailable
 */
export async function findCustomersByUsage(
  { graph, policy }: Deps,
  { limit, cursor, trusted_device, ...usage }: UsageRequest,
): Promise<Page<CustomerSummaryView>> {
  const { customers: items, next } = await findByUsage(graph, {
    usage: { ...usage, ...(trusted_device === true && { trusted: { ...policy.trust, now: graph.now() } }) },
    limit,
    ...(cursor !== undefined && { after: readPlace(cursor) }),
  });
  if (next === undefined) return { items };
  return { items, next_cursor: writeCursor([next.start, next.spelling, next.id]) };
}

function readPlace(cursor: string): UsagePlace {
  const [start, spelling = '', id = ''] = readCursor(cursor);
  return isUsageStart(start) ? { start, spelling, id } : refuseCursor();
}

/**
 * Other customers who share a device, a card's plastic or an address with one.
 *
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function findConnectedCustomers(
  { graph, policy }: Deps,
  request: { customer_id: string; limit: number },
): Promise<ConnectedCustomerView[]> {
  return findConnected(graph, { ...request, crowd: policy.onboarding.limits.device });
}
