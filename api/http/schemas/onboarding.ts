import { z } from '@hono/zod-openapi';
import type { FormatRules, OnboardingResult } from '../../../domain/onboarding/types.ts';
import { validateOnboarding } from '../../../domain/onboarding/validate.ts';
import { PAYMENT_METHOD_STATUSES, PAYMENT_METHOD_TYPES } from '../../../domain/payment-method.ts';
import { withDomainRules, optional, optionalInteger, resultSchema, time, uuid } from './domain-rules.ts';

const text = (max: number, description?: string) => {
  const schema = z.string().max(max);
  return description === undefined ? schema : schema.openapi({ description });
};

const customerMetadata = z.looseObject({
  segment: optional(text(64, 'A–Z, 0–9 and _; upper-cased')),
  locale: optional(text(35, 'A language tag such as de-AT')),
  ltv: optional(z.union([z.string(), z.number()])).openapi({
    description: 'Lifetime value as a decimal in the reporting currency; never lowers the known value',
    example: '1250.00',
  }),
});

const paymentMethodDetails = z.looseObject({
  type: z.enum(PAYMENT_METHOD_TYPES),
  token: text(255, "The processor's token; never a card number"),
  brand: optional(text(64)),
  network: optional(text(64)),
  last_four: optional(text(4, 'Four digits')),
  expiry_month: optionalInteger(1, 12),
  expiry_year: optionalInteger(2000, 2099),
  instrument_fingerprint: optional(text(255, 'Identifies the card behind several tokens')),
  off_session_consent: optional(z.boolean()).openapi({
    description: 'true: the customer consents to off-session charges; absent: unchanged',
  }),
  consent_source: optional(text(64)),
});

const deviceDetails = z.looseObject({
  fingerprint: optional(text(512)),
  ip: optional(text(64)),
  user_agent: optional(text(1024)),
  trust_score: optional(z.number().min(0).max(1)).openapi({ description: 'Applies to a new device only' }),
});

/** The fields of an address, from a service or the customer. */
export const addressFields = {
  street1: text(200),
  street2: optional(text(200)),
  city: text(200),
  state: optional(text(64)),
  zip_code: text(64),
  country: text(2, 'ISO 3166-1 alpha-2'),
  type: z.enum(['shipping', 'billing']),
};

const addressDetails = z.looseObject({ ...addressFields, is_verified: optional(z.boolean()) });

const digitalIdentifier = z.looseObject({
  type: optional(z.enum(['email', 'phone_number', 'phone'])),
  value: optional(text(254)),
  email: optional(text(254, 'Shorthand for type email')),
  phone: optional(text(254, 'Shorthand for type phone_number')),
  is_verified: optional(z.boolean()),
});

export const onboardingShape = z.looseObject({
  transaction_id: z.string().min(1).max(128).openapi({
    description: 'Also the idempotency key: a repeated transaction has no further effect',
    example: 'checkout-2026-000017',
  }),
  customer_id: optional(uuid).openapi({
    description: 'An unknown id becomes the id of the new customer',
  }),
  gateway_customer_ref: optional(text(255)),
  customer_metadata: optional(customerMetadata),
  payment_method_details: optional(paymentMethodDetails),
  device_details: optional(deviceDetails),
  address_details: optional(addressDetails),
  digital_identifiers: optional(z.array(digitalIdentifier).max(20)),
  email: optional(text(254, 'Shorthand for a digital identifier of type email')),
  phone: optional(text(254, 'Shorthand for a digital identifier of type phone_number')),
  behavioral_data_snapshot: optional(z.union([z.string(), z.looseObject({}), z.array(z.unknown())])).openapi({
    description: 'Passed to Chimera unchanged',
  }),
  occurred_at: time,
});

/** @param forms including the policy's: their problems are reported together with all others */
export function onboardingRequest(forms: FormatRules) {
  return withDomainRules(onboardingShape, (input) => validateOnboarding(input, forms)).openapi(
    'OnboardingRequest',
  );
}

export const onboardingResult = resultSchema<OnboardingResult>()({
  customer_id: uuid,
  created: z.boolean().openapi({ description: 'false: the customer was already known' }),
  version: z.int(),
  match: z.object({
    rule: z.enum(['none', 'customer_id', 'email', 'phone_number', 'device']),
    proven: z.boolean(),
    suggested_customer_ids: z.array(uuid),
  }),
  payment_method_id: uuid.optional(),
  payment_method_status: z.enum(PAYMENT_METHOD_STATUSES).optional(),
  device_id: uuid.optional(),
  warnings: z.array(z.string()),
}).openapi('OnboardingAnswer');
