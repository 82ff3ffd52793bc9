import { z } from '@hono/zod-openapi';
import { readAddressChange } from '../../../domain/address-change.ts';
import type { AddressView } from '../../../services/views.ts';
import { optional, resultSchema, time, uuid, withDomainRules } from './domain-rules.ts';
import { addressFields } from './onboarding.ts';

/** `is_verified` is not in it, and refused: only a service verifies an address (`domain/address-change.ts`). */
export const addressChangeShape = z.looseObject({
  ...addressFields,
  is_default: optional(z.boolean()).openapi({
    description:
      'Whether it is the default of its type; absent: unchanged, or for a new address only if it is the first',
  }),
});
export const addressChange = withDomainRules(addressChangeShape, readAddressChange).openapi('AddressChange', {
  description:
    'A complete address. Fields that Persona alone sets, such as is_verified and changed_seq, are refused.',
});

export const address = resultSchema<AddressView>()({
  address_id: uuid,
  street1: z.string(),
  street2: z.string().optional(),
  city: z.string(),
  state: z.string().optional(),
  zip_code: z.string(),
  country: z.string().openapi({ description: 'ISO 3166-1 alpha-2' }),
  type: z.enum(['shipping', 'billing']),
  is_verified: z.boolean().openapi({ description: 'Set by services; false again once the address changes' }),
  is_default: z.boolean().openapi({ description: 'Each type has one default' }),
  first_shipped: time,
  last_shipped: time,
  changed_seq: z.int(),
}).openapi('Address');
