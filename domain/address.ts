import type { AddressDetails } from './onboarding-types.ts';

/** A postal address without its purpose. */
export type PostalAddress = Pick<AddressDetails, 'street1' | 'street2' | 'city' | 'zip_code' | 'country'>;

/**
 * A normalised key by which two spellings of the same address are recognised: case, spaces and punctuation are ignored.
 * The state follows from the other fields.
 */
export function addressKey({ street1, street2 = '', city, zip_code, country }: PostalAddress): string {
  return [country, zip_code, city, street1, street2].map(normalised).join('|');
}

function normalised(text: string): string {
  return text
    .normalize('NFKC')
    .toLocaleLowerCase('en')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
