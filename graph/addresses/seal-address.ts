import { addressKey } from '../../domain/address.ts';
import type { SealedAddress } from '../../domain/events.ts';
import type { AddressDetails } from '../../domain/onboarding-types.ts';
import type { DataKey } from '../../security/data-key.ts';

/** Encrypts the fields of an address that the log must not contain in plaintext. */
export function sealAddress(key: DataKey, addressId: string, details: AddressDetails): SealedAddress {
  const { street1, street2, city, zip_code, state = null, country } = details;
  const seal = (field: string, value: string) => key.seal(value, 'Address', addressId, field);
  return {
    street1: seal('street1', street1),
    street2: street2 === undefined ? null : seal('street2', street2),
    city: seal('city', city),
    state,
    zip_code: seal('zip_code', zip_code),
    country,
  };
}

/** The fields that the address's node has in plaintext, and the key by which the same address elsewhere is found. */
export function openSealedAddress(
  key: DataKey,
  addressId: string,
  place: SealedAddress,
): { city: string; zip_code: string; key: string } {
  const open = (field: 'street1' | 'city' | 'zip_code') =>
    key.open(place[field], 'Address', addressId, field);
  const [city, zip_code] = [open('city'), open('zip_code')];
  const street2 =
    place.street2 === null ? undefined : key.open(place.street2, 'Address', addressId, 'street2');
  const { country } = place;
  return { city, zip_code, key: addressKey({ street1: open('street1'), street2, city, zip_code, country }) };
}
