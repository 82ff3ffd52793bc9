import { PersonaError } from '../../domain/errors.ts';
import type { EventData } from '../../domain/events/event.ts';
import type { AddressDetails } from '../../domain/onboarding/types.ts';
import type { DataKey } from '../../security/data-key.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { Reader } from '../kernel/reader.ts';
import { sealAddress } from './seal-address.ts';

/** An address with its customer's edge to it as stored in the graph: the streets are encrypted. */
export interface StoredAddress {
  address_id: string;
  type: AddressDetails['type'];
  street1: string;
  street2: string | null;
  city: string;
  state: string | null;
  zip_code: string;
  country: string;
  is_default: boolean;
  is_verified: boolean;
  changed_seq: number;
  first_shipped: string;
  last_shipped: string;
  proven: boolean;
}

const READ_ADDRESSES = `
  MATCH (:Customer {id: $customer_id})-[s:SHIPPED_TO]->(a:Address)
  RETURN a.id AS address_id, a.type AS type, a.street1 AS street1, a.street2 AS street2, a.city AS city,
    a.state AS state, a.zip_code AS zip_code, a.country AS country, a.is_default AS is_default,
    a.is_verified AS is_verified, a.changed_seq AS changed_seq,
    s.first_shipped AS first_shipped, s.last_shipped AS last_shipped, s.proven AS proven
  ORDER BY is_default DESC, last_shipped DESC, address_id`;

/** All addresses of a customer, including unproven ones; defaults first, then the most recently shipped to. */
export async function readAddresses(reader: Reader, customerId: string): Promise<StoredAddress[]> {
  return reader.read<StoredAddress>(READ_ADDRESSES, { customer_id: customerId });
}

/** Decrypts the streets. */
export function openAddress(stored: StoredAddress, key: DataKey): StoredAddress {
  const open = (field: 'street1' | 'street2', sealed: string) =>
    key.open(sealed, 'Address', stored.address_id, field);
  return {
    ...stored,
    street1: open('street1', stored.street1),
    street2: stored.street2 === null ? null : open('street2', stored.street2),
  };
}

/**
 * The addresses of a locked customer within a command. Each change appends its event. A customer's proven addresses of
 * one type have exactly one default; if it is removed, the one most recently shipped to becomes the default.
 */
export class AddressBook {
  readonly #tx: CommandTx;
  readonly #customerId: string;
  readonly #addresses: StoredAddress[];

  constructor(tx: CommandTx, customerId: string, addresses: StoredAddress[]) {
    this.#tx = tx;
    this.#customerId = customerId;
    this.#addresses = addresses;
  }

  /** @throws PersonaError address_not_found: it is not this customer's, or unproven */
  find(addressId: string): Readonly<StoredAddress> {
    const address = this.#addresses.find((candidate) => candidate.address_id === addressId);
    if (address?.proven) return address;
    throw new PersonaError('address_not_found', `customer ${this.#customerId} has no address ${addressId}`);
  }

  /** @returns whether the address is now the default of its type */
  add(addressId: string, details: AddressDetails, options: { is_default: boolean }): boolean {
    const { type, is_verified = false } = details;
    const is_default = options.is_default || this.#defaultOf(type) === undefined;
    if (is_default) this.#clearDefault(type);
    const place = sealAddress(this.#tx.keyOf(this.#customerId), addressId, details);
    const own = { proven: true, awaits_identifier_id: null };
    this.#append('AddressAdded', { address_id: addressId, type, ...place, is_default, is_verified, ...own });
    return is_default;
  }

  /** Replaces the address's details; if they differ, it becomes unverified unless `details` says otherwise. */
  replace(address: Readonly<StoredAddress>, details: AddressDetails): void {
    const changes = this.#changes(address, details);
    const isChanged = Object.keys(changes).length > 0;
    const is_verified = details.is_verified ?? (isChanged ? false : address.is_verified);
    if (is_verified !== address.is_verified) changes.is_verified = is_verified;
    if (changes.type !== undefined) {
      changes.is_default = this.#defaultOf(changes.type) === undefined;
    }
    this.#update(address, changes);
    if (changes.type !== undefined && address.is_default) this.#ensureDefault(address.type);
  }

  setVerified(address: Readonly<StoredAddress>, is_verified: boolean): void {
    if (address.is_verified !== is_verified) this.#update(address, { is_verified });
  }

  /** Makes the address the default of its type; `false` makes another one the default, if there is one. */
  setDefault(address: Readonly<StoredAddress>, is_default: boolean): void {
    if (address.is_default === is_default) return;
    if (is_default) {
      this.#clearDefault(address.type);
      this.#update(address, { is_default });
      return;
    }
    const next = this.#nextDefault(address.type, address.address_id);
    if (next === undefined) return;
    this.#update(address, { is_default });
    this.#update(next, { is_default: true });
  }

  remove(address: Readonly<StoredAddress>): void {
    this.#append('AddressRemoved', { address_id: address.address_id });
    this.#addresses.splice(
      this.#addresses.findIndex((candidate) => candidate.address_id === address.address_id),
      1,
    );
    this.#ensureDefault(address.type);
  }

  /** Restores the rule after addresses have become proven or unproven. */
  repairDefaults(): void {
    for (const address of this.#addresses)
      if (address.is_default && !address.proven) this.#update(address, { is_default: false });
    for (const type of ['shipping', 'billing'] as const) this.#ensureDefault(type);
  }

  #changes(address: Readonly<StoredAddress>, details: AddressDetails) {
    const changes: Partial<EventData['AddressUpdated']> = {};
    const key = this.#tx.keyOf(this.#customerId);
    const known = openAddress(address, key);
    const { street1, street2 = null, city, zip_code, state = null, country, type } = details;
    const place = { street1, street2, city, zip_code, state, country };
    const isChanged = Object.entries(place).some(
      ([field, text]) => known[field as keyof typeof place] !== text,
    );
    if (isChanged) changes.place = sealAddress(key, address.address_id, details);
    if (type !== known.type) changes.type = type;
    return changes;
  }

  #defaultOf(type: StoredAddress['type']): StoredAddress | undefined {
    return this.#addresses.find((candidate) => candidate.type === type && candidate.is_default);
  }

  #nextDefault(type: StoredAddress['type'], excludedId?: string): StoredAddress | undefined {
    return this.#addresses
      .filter(
        (candidate) => candidate.type === type && candidate.proven && candidate.address_id !== excludedId,
      )
      .sort((a, b) => (a.last_shipped < b.last_shipped ? 1 : -1))
      .at(0);
  }

  #clearDefault(type: StoredAddress['type']): void {
    const current = this.#defaultOf(type);
    if (current !== undefined) this.#update(current, { is_default: false });
  }

  #ensureDefault(type: StoredAddress['type']): void {
    const next = this.#defaultOf(type) === undefined ? this.#nextDefault(type) : undefined;
    if (next !== undefined) this.#update(next, { is_default: true });
  }

  #update(address: Readonly<StoredAddress>, changes: Partial<EventData['AddressUpdated']>): void {
    if (Object.keys(changes).length === 0) return;
    this.#append('AddressUpdated', { ...changes, address_id: address.address_id });
    const own = this.#addresses.find((candidate) => candidate.address_id === address.address_id);
    Object.assign(own ?? {}, changes);
  }

  #append<T extends 'AddressAdded' | 'AddressUpdated' | 'AddressRemoved'>(type: T, data: EventData[T]): void {
    this.#tx.append({ stream: 'customer', stream_id: this.#customerId, type, data });
  }
}
