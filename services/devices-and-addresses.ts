import { isTrusted } from '../domain/trust.ts';
import { getAddresses as readAddresses, getDevices as readDevices } from '../graph/index.ts';
import { compareKeys, firstPageOf, pageOf, readTimeCursor, type Page, type PageRequest } from './pages.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { AddressView, DeviceView } from './views.ts';

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

/**
 * A page of a customer's addresses, defaults first, then by last shipment, newest first. All of them are read: they
 * are few.
 *
 * @throws PersonaError customer_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getAddresses(
  { graph }: Pick<ServiceDependencies, 'graph'>,
  request: PageRequest,
): Promise<Page<AddressView>> {
  const addresses = await readAddresses(graph, { customer_id: request.customer_id });
  const sorted = addresses.toSorted((a, b) => compareKeys(sortKey(a), sortKey(b)));
  return pageOf(sorted, sortKey, request);
}

/**
 * A customer's verified shipping addresses: the default first, then by last shipment, newest first.
 *
 * @throws PersonaError customer_not_found, graph_unavailable
 */
export async function getVerifiedAddresses(
  { graph }: Pick<ServiceDependencies, 'graph'>,
  ids: { customer_id: string },
): Promise<{ items: AddressView[] }> {
  const addresses = await readAddresses(graph, ids);
  return { items: addresses.filter(({ type, is_verified }) => type === 'shipping' && is_verified) };
}

/** The year 10000 in milliseconds: the difference to it sorts later times first. */
const MAX_TIME_MS = 253_402_300_800_000;

function sortKey({ is_default, last_shipped, address_id }: AddressView): string[] {
  const reversedTime = MAX_TIME_MS - Date.parse(last_shipped);
  return [is_default ? '0' : '1', String(reversedTime).padStart(15, '0'), address_id];
}
