import { invalid } from '../domain/errors.ts';
import { getAddresses as readAddresses, getDevices as readDevices } from '../graph/index.ts';
import type { ServiceDeps } from './deps.ts';
import { compareKeys, pageOf, readCursor, writeCursor } from './pages.ts';
import type { PageRequest } from './services.ts';
import type { AddressView, DeviceView, Page } from './views.ts';

/**
 * A page of the devices that a customer has used, the last one first.
 *
 * @throws PersonaError customer_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getDevices(
  { graph, policy }: Pick<ServiceDeps, 'graph' | 'policy'>,
  { customer_id, limit, cursor }: PageRequest,
): Promise<Page<DeviceView>> {
  const before = cursor === undefined ? undefined : readPlace(cursor);
  // One more than asked for tells whether there is a next page.
  const found = await readDevices(graph, { customer_id, limit: limit + 1, before });
  const items = found
    .slice(0, limit)
    .map((device) => ({ ...device, trusted: device.trust_score >= policy.trust.threshold }));
  const last = items.at(-1);
  return found.length > limit && last !== undefined
    ? { items, next_cursor: writeCursor([last.last_login, last.device_id]) }
    : { items };
}

function readPlace(cursor: string): { last_login: string; device_id: string } {
  const [last_login = '', device_id = ''] = readCursor(cursor);
  if (Number.isNaN(Date.parse(last_login)))
    throw invalid([{ field: 'cursor', message: 'must be the next_cursor of the page before' }]);
  return { last_login, device_id };
}

/**
 * A page of a customer's addresses, defaults first, then the last shipped to. They are read as a whole: they are few.
 *
 * @throws PersonaError customer_not_found, invalid_argument (the cursor), graph_unavailable
 */
export async function getAddresses(
  { graph }: Pick<ServiceDeps, 'graph'>,
  request: PageRequest,
): Promise<Page<AddressView>> {
  const addresses = await readAddresses(graph, { customer_id: request.customer_id });
  const sorted = addresses.toSorted((a, b) => compareKeys(sortKey(a), sortKey(b)));
  return pageOf(sorted, sortKey, request);
}

/** Milliseconds of the year 10000: counting down from it puts later times first. */
const END_OF_TIME = 253_402_300_800_000;

function sortKey({ is_default, last_shipped, address_id }: AddressView): string[] {
  const age = END_OF_TIME - Date.parse(last_shipped);
  return [is_default ? '0' : '1', String(age).padStart(15, '0'), address_id];
}
