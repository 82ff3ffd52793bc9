import { v7 as uuidv7 } from 'uuid';
import type { AddressDetails } from '../../domain/onboarding-types.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import { lockOwner, type Requester } from '../customers/lock-owner.ts';
import { requireVersion } from '../expected-version.ts';
import type { Graph } from '../graph.ts';
import { AddressBook, readAddresses, type StoredAddress } from './addresses.ts';

interface AddressRef {
  customer_id: string;
  address_id: string;
  by: Requester;
  /** The address's `changed_seq`, if it must not have changed since. */
  expected_version?: number;
}

/** `changed` is false if there was nothing to change and no event was written. `version` is the customer's. */
interface EditedAddress {
  changed: boolean;
  version: number;
}

/**
 * Adds an address. The first of its type becomes the default, as does one with `is_default`.
 * @param input.address as returned by `readAddress` (domain)
 * @throws PersonaError customer_not_found, customer_suspended (requested by the customer)
 */
export async function addAddress(
  graph: Graph,
  header: CommandHeader,
  input: { customer_id: string; address: AddressDetails; is_default?: boolean; by: Requester },
): Promise<{ address_id: string; is_default: boolean; version: number }> {
  const { customer_id, address, is_default = false, by } = input;
  return runCommand(graph, header, 'addAddress', input, async (tx) => {
    const [, addresses] = await Promise.all([lockOwner(tx, customer_id, by), readAddresses(tx, customer_id)]);
    const address_id = uuidv7();
    const book = new AddressBook(tx, customer_id, addresses);
    const isDefault = book.add(address_id, address, { is_default });
    return { address_id, is_default: isDefault, version: tx.versionOf(customer_id) };
  });
}

/**
 * Replaces an address's details. If they differ, the address has to be verified again.
 * @throws PersonaError customer_not_found, customer_suspended, address_not_found, stale_version
 */
export async function updateAddress(
  graph: Graph,
  header: CommandHeader,
  input: AddressRef & { address: AddressDetails; is_default?: boolean },
): Promise<EditedAddress> {
  return edit(graph, header, 'updateAddress', input, (book, address) => {
    book.replace(address, input.address);
    if (input.is_default !== undefined) book.setDefault(book.find(input.address_id), input.is_default);
  });
}

/** @throws PersonaError customer_not_found, customer_suspended, address_not_found, stale_version */
export async function removeAddress(
  graph: Graph,
  header: CommandHeader,
  input: AddressRef,
): Promise<EditedAddress> {
  return edit(graph, header, 'removeAddress', input, (book, address) => book.remove(address));
}

/** Runs one change of one address as a command. */
async function edit(
  graph: Graph,
  header: CommandHeader,
  name: string,
  input: AddressRef,
  change: (book: AddressBook, address: Readonly<StoredAddress>) => void,
): Promise<EditedAddress> {
  const { customer_id, address_id, by, expected_version } = input;
  return runCommand(graph, header, name, input, async (tx) => {
    const [, addresses] = await Promise.all([lockOwner(tx, customer_id, by), readAddresses(tx, customer_id)]);
    const book = new AddressBook(tx, customer_id, addresses);
    const address = { ...book.find(address_id) };
    requireVersion(`address ${address_id}`, address.changed_seq, expected_version);
    const before = tx.versionOf(customer_id);
    change(book, address);
    const version = tx.versionOf(customer_id);
    return { changed: version !== before, version };
  });
}
