import {
  findConnectedCustomers as findConnected,
  findCustomersByUsage as findByUsage,
  isUsageStart,
  type UsageCursor,
} from '../graph/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import { readCursor, refuseCursor, writeCursor } from './pages.ts';
import type { UsageRequest } from './services.ts';
import type { ConnectedCustomerView, CustomerSummaryView, Page } from './views.ts';

type Dependencies = Pick<ServiceDependencies, 'graph' | 'policy'>;

/**
 * A page of the customers whose usage and shipping addresses meet the conditions.
 *
 * @throws PersonaError invalid_argument (the cursor), graph_unavailable
 */
export async function findCustomersByUsage(
  { graph, policy }: Dependencies,
  { limit, cursor, trusted_device, ...usage }: UsageRequest,
): Promise<Page<CustomerSummaryView>> {
  const { customers: items, next } = await findByUsage(graph, {
    usage: { ...usage, ...(trusted_device === true && { trusted: { ...policy.trust, now: graph.now() } }) },
    limit,
    ...(cursor !== undefined && { after: readUsageCursor(cursor) }),
  });
  if (next === undefined) return { items };
  return { items, next_cursor: writeCursor([next.start, next.spelling, next.id]) };
}

function readUsageCursor(cursor: string): UsageCursor {
  const [start, spelling = '', id = ''] = readCursor(cursor);
  return isUsageStart(start) ? { start, spelling, id } : refuseCursor();
}

/**
 * Other customers who share a device, a card or an address with this one.
 *
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function findConnectedCustomers(
  { graph, policy }: Dependencies,
  request: { customer_id: string; limit: number },
): Promise<ConnectedCustomerView[]> {
  return findConnected(graph, { ...request, crowd: policy.onboarding.limits.device });
}
