import type { Sealed } from './sealed.ts';
import type { Upcasters } from './upcaster.ts';

/** A postal address. */
export interface SealedAddress {
  street1: Sealed;
  street2: Sealed | null;
  city: Sealed;
  state: string | null;
  zip_code: Sealed;
  country: string;
}

/** A customer's postal addresses. */
export interface AddressEvents {
  AddressAdded: SealedAddress & {
    address_id: string;
    type: 'shipping' | 'billing';
    is_default: boolean;
    is_verified: boolean;
    proven: boolean;
    /** The unverified identifier by which the customer was recognised; its verification proves the link. */
    awaits_identifier_id: string | null;
  };
  /** Only what changed. */
  AddressUpdated: {
    address_id: string;
    type?: 'shipping' | 'billing';
    /** The complete new address. */
    place?: SealedAddress;
    is_default?: boolean;
    is_verified?: boolean;
    last_shipped?: string;
    proven?: boolean;
  };
  AddressRemoved: { address_id: string };
}

export const addressUpcasters: Upcasters<AddressEvents> = {
  // Version 1 did not name the identifier that an unproven address waits for, so it waits for none.
  AddressAdded: [(data) => ({ ...data, awaits_identifier_id: null })],
};
