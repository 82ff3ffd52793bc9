import { readAddress } from './onboarding/fields.ts';
import type { AddressDetails } from './onboarding/types.ts';
import { omitUndefined, validate, type ValidationFailure } from './validation.ts';

/** A complete address of a customer. */
export interface AddressChange {
  address: Omit<AddressDetails, 'is_verified'>;
  /** Whether it is to be the default of its type; absent: unchanged, or for a new address only if it is the first. */
  is_default?: boolean;
}

/**
 * A customer who could set `is_verified` would have Chimera trust any address: it does not challenge orders to one that
 * a service has verified.
 */
const READ_ONLY = [
  ...['is_verified', 'address_id', 'customer_id', 'status', 'version'],
  ...['first_shipped', 'last_shipped', 'changed_seq'],
];

/** Reads an untrusted address that its customer adds or replaces. */
export function readAddressChange(input: unknown): { ok: true; value: AddressChange } | ValidationFailure {
  return validate(input, (fields) => {
    fields.refuseReadOnly(READ_ONLY);
    const { is_verified: _, ...address } = readAddress(fields);
    return omitUndefined({ address, is_default: fields.boolean('is_default') });
  });
}
