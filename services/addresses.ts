import { readAddressChange } from '../domain/address-change.ts';
import { validationError } from '../domain/errors.ts';
import {
  addAddress as add,
  getAddress as readAddress,
  getAddresses as readAddresses,
  removeAddress as remove,
  updateAddress as update,
} from '../graph/index.ts';
import type { Caller } from './caller.ts';
import { compareKeys, pageOf, type Page, type PageRequest } from './pages.ts';
import { requestHeader, versionedHeader } from './request-header.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { AddressView } from './views.ts';

type Dependencies = Pick<ServiceDependencies, 'graph'>;

interface AddressRef {
  customer_id: string;
  address_id: string;
}

/** `expected_version`: the address's `changed_seq` that the caller has read; absent: any. */
type VersionedAddressRef = AddressRef & { expected_version?: number };

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
  { graph }: Dependencies,
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

/** @throws PersonaError customer_not_found, address_not_found, graph_unavailable */
export async function getAddress({ graph }: Dependencies, ids: AddressRef): Promise<AddressView> {
  return readAddress(graph, ids);
}

/**
 * Adds an address of the calling customer, unverified.
 *
 * @param request.body untrusted: an `AddressChange`
 * @throws PersonaError invalid_argument and card_number_refused with all problems, idempotency_key_required,
 *   idempotency_key_reused, customer_not_found, customer_suspended, graph_unavailable; address_not_found: a repeat of a
 *   request whose address has been removed since
 */
export async function addAddress(
  { graph }: Dependencies,
  caller: Caller,
  { customer_id, body }: { customer_id: string; body: unknown },
): Promise<AddressView> {
  const input = { customer_id, ...requireAddress(body), by: 'customer' as const };
  const { address_id } = await add(graph, requestHeader(caller), input);
  return readAddress(graph, { customer_id, address_id });
}

/**
 * Replaces an address of the calling customer. If it differs, it has to be verified again.
 *
 * @param request.body untrusted: an `AddressChange`
 * @throws PersonaError invalid_argument and card_number_refused with all problems, idempotency_key_reused,
 *   customer_not_found, customer_suspended, address_not_found, stale_version, graph_unavailable
 */
export async function updateAddress(
  { graph }: Dependencies,
  caller: Caller,
  { body, ...ref }: VersionedAddressRef & { body: unknown },
): Promise<AddressView> {
  const change = requireAddress(body);
  const { address_id: id, expected_version } = ref;
  const header = versionedHeader(graph, caller, { id, expected_version, change });
  await update(graph, header, { ...ref, ...change, by: 'customer' });
  return readAddress(graph, ref);
}

/**
 * Removes an address of the calling customer.
 *
 * @throws PersonaError idempotency_key_reused, customer_not_found, customer_suspended, address_not_found, stale_version,
 *   graph_unavailable
 */
export async function removeAddress(
  { graph }: Dependencies,
  caller: Caller,
  ref: VersionedAddressRef,
): Promise<void> {
  const { address_id: id, expected_version } = ref;
  const header = versionedHeader(graph, caller, { id, expected_version, change: 'remove' });
  await remove(graph, header, { ...ref, by: 'customer' });
}

function requireAddress(body: unknown) {
  const read = readAddressChange(body);
  if (!read.ok) throw validationError(read.problems, read.type);
  return read.value;
}
