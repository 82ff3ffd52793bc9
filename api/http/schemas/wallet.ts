import { z } from '@hono/zod-openapi';
import { readMethodChange } from '../../../domain/method-change.ts';
import { TOKEN } from '../../../domain/onboarding/fields.ts';
import { PAYMENT_METHOD_STATUSES, PAYMENT_METHOD_TYPES } from '../../../domain/payment-method.ts';
import { validate } from '../../../domain/validation.ts';
import type { PaymentMethodView, ProfileView } from '../../../services/views.ts';
import { optional, optionalInteger, resultSchema, time, uuid, withDomainRules } from './domain-rules.ts';

export const newPaymentMethodShape = z.looseObject({
  type: z.enum(PAYMENT_METHOD_TYPES),
  token: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .openapi({ description: "The processor's token; never a card number", example: 'pm_card_visa' }),
  device_id: optional(uuid).openapi({ description: 'The device that it was added on' }),
  off_session_consent: optional(z.boolean()).openapi({
    description: 'Whether it may be charged without the customer present; absent: no',
  }),
});
export const newPaymentMethod = withDomainRules(newPaymentMethodShape, (input) =>
  validate(input, (fields) => {
    fields.requiredOneOf('type', PAYMENT_METHOD_TYPES);
    fields.requiredText('token', TOKEN);
    fields.uuid('device_id');
    fields.boolean('off_session_consent');
  }),
).openapi('NewPaymentMethod');

export const methodChangeShape = z.looseObject({
  expiry_month: optionalInteger(1, 12).openapi({ description: 'Requires expiry_year' }),
  expiry_year: optionalInteger(2000, 2099).openapi({ description: 'Requires expiry_month' }),
  off_session_consent: optional(z.boolean()).openapi({
    description: 'Whether it may be charged without the customer present',
  }),
});
export const methodChange = withDomainRules(methodChangeShape, readMethodChange).openapi(
  'PaymentMethodChange',
);

export const paymentMethod = resultSchema<PaymentMethodView>()({
  payment_method_id: uuid,
  type: z.enum(PAYMENT_METHOD_TYPES),
  status: z.enum(PAYMENT_METHOD_STATUSES),
  brand: z.string().optional(),
  network: z.string().optional(),
  last_four: z.string().optional(),
  expiry_month: z.int().optional(),
  expiry_year: z.int().optional(),
  is_default: z.boolean(),
  off_session_consent: z.boolean(),
  first_used: time.optional(),
  last_used: time.optional(),
  changed_seq: z.int(),
}).openapi('PaymentMethod');

export const profile = resultSchema<ProfileView>()({
  customer_id: uuid,
  segment: z.string(),
  status: z.string(),
  locale: z.string().optional(),
  identifiers: z.array(
    z.object({ identifier_id: uuid, type: z.string(), value: z.string(), is_verified: z.boolean() }),
  ),
  behavioral_profile_ref: z.string().optional(),
  payment_method_count: z.int(),
  device_count: z.int(),
  version: z.int(),
  changed_seq: z.int(),
}).openapi('Profile');
