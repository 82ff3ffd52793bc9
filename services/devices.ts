import { isTrusted } from '../domain/trust.ts';
import { getDevices as readDevices } from '../graph/index.ts';
import { firstPageOf, readTimeCursor, type Page, type PageRequest } from './pages.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { DeviceView } from './views.ts';

/**
 * A page of the devices that a customer has used, most recently used first.
 *
 * @throws PersonaError customer_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getDevices(
  { graph, policy }: Pick<ServiceDependencies, 'graph' | 'policy'>,
  { customer_id, limit, cursor }: PageRequest,
): Promise<Page<DeviceView>> {
  const before = cursor === undefined ? undefined : readDeviceCursor(cursor);
  const found = await readDevices(graph, { customer_id, limit: limit + 1, before });
  const now = graph.now();
  const devices = found.map(({ trust_observed_at, ...device }) => ({
    ...device,
    trusted: isTrusted({ ...device, trust_observed_at }, policy.trust, now),
  }));
  return firstPageOf(devices, ({ last_login, device_id }) => [last_login, device_id], limit);
}

function readDeviceCursor(cursor: string): { last_login: string; device_id: string } {
  const { time, id } = readTimeCursor(cursor);
  return { last_login: time, device_id: id };
}
