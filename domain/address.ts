import type { AddressDetails } from './onboarding-types.ts';

/** Where an address is: everything of it but what it is for. */
export type PostalAddress = Pick<AddressDetails, 'street1' | 'street2' | 'city' | 'zip_code' | 'country'>;

/**
 * A place in one form, by which two spellings of the same one are known as the same: capitals, spaces and punctuation do
 * not make another address. The state follows from the rest.
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
