import { z } from '@hono/zod-openapi';
import { NETWORKS } from '../../../domain/payment-method.ts';
import { validatePaymentFailed, validatePaymentSettled } from '../../../domain/recovery/payment-failed.ts';
import type { AttemptView, RecoveryView } from '../../../services/views.ts';
import { withDomainRules, integer, optional, resultSchema, time, uuid } from './domain-rules.ts';

/** Codes are not shown to customers. */
type ShownAttempt = Omit<AttemptView, 'code'>;

export const paymentId = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9._-]+$/, 'must consist of A–Z, a–z, 0–9, ".", "_" and "-"')
  .openapi({ example: 'invoice-2026-04-0017' });
const currency = z
  .string()
  .regex(/^[A-Za-z]{3}$/, 'must be an ISO 4217 code')
  .openapi({ example: 'EUR' });
const code = optional(z.string().max(64));

export const paymentFailedShape = z.looseObject({
  event_id: z
    .string()
    .min(1)
    .max(128)
    .openapi({ description: 'Also the idempotency key: a repeated event has no further effect' }),
  payment_id: paymentId,
  customer_id: uuid,
  payment_method_id: uuid,
  amount: integer(1).openapi({ description: 'Minor units', example: 1250 }),
  currency,
  kind: z.enum(['recurring', 'one_time']),
  occurred_at: time,
  status: optional(z.enum(['declined', 'unknown', 'pending'])).openapi({ description: 'Absent: declined' }),
  gateway_payment_ref: optional(z.string().max(128)),
  network: optional(z.enum(NETWORKS)).openapi({ description: "Absent: the method's network" }),
  network_code: code,
  network_advice_code: code,
  code,
  decline_code: code,
  advice_code: code,
  reason: optional(z.string().max(1000)),
  description: optional(z.string().max(200)).openapi({
    description: 'The purchase; shown to the customer',
  }),
});
export const paymentFailed = withDomainRules(paymentFailedShape, validatePaymentFailed).openapi(
  'PaymentFailed',
);

export const paymentSettledShape = z.looseObject({
  event_id: z
    .string()
    .min(1)
    .max(128)
    .openapi({ description: 'Also the idempotency key: a repeated event has no further effect' }),
  payment_id: paymentId,
  customer_id: uuid,
  settled_at: time,
  gateway_payment_ref: optional(
    z.string().max(128).openapi({ description: 'The payment at the gateway that settled it' }),
  ),
});
export const paymentSettled = withDomainRules(paymentSettledShape, validatePaymentSettled).openapi(
  'PaymentSettled',
);

export const acceptedResponse = z
  .object({ workflow_id: z.string().openapi({ example: 'recovery:invoice-2026-04-0017' }) })
  .openapi('Accepted');

const attempt = resultSchema<ShownAttempt>()({
  n: z.int(),
  payment_method_id: uuid,
  key: z.string(),
  gateway_ref: z.string().optional(),
  state: z.enum(['in_flight', 'approved', 'declined', 'pending', 'unknown', 'void']),
  class: z.string().optional(),
  rule: z.string().optional(),
  started_at: time,
  resolved_at: time.optional(),
  reason_text: z.string(),
});

export const recovery = resultSchema<RecoveryView>()({
  payment_id: paymentId,
  customer_id: uuid,
  state: z.enum(['classifying', 'charging', 'pending', 'unknown', 'needs_review', 'waiting', 'done']),
  outcome: z.enum(['recovered', 'stopped', 'exhausted', 'paid_elsewhere', 'cancelled', 'ignored']).optional(),
  class: z.string(),
  rule: z.string(),
  amount: z.int(),
  currency,
  failed_payment_method_id: uuid,
  attempts: z.array(attempt),
  next: z
    .object({
      action: z.enum(['charge', 'poll', 'remind', 'close']),
      payment_method_id: uuid.optional(),
      at: time,
    })
    .optional(),
  waiting_for: z
    .enum(['claim', 'method', 'authentication', 'review', 'customer_status', 'gateway'])
    .optional(),
  paused: z.boolean(),
  opened_at: time,
  closes_at: time.optional(),
  reason_text: z.string().openapi({ description: 'In plain words, without codes or suspicions of fraud' }),
  changed_seq: z.int(),
}).openapi('Recovery');
