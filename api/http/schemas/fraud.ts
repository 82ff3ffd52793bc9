import { z } from '@hono/zod-openapi';
import { FRAUD_OUTCOMES, validateFraudOutcome } from '../../../domain/fraud/messages.ts';
import { withDomainRules, optional, time, uuid } from './domain-rules.ts';

export const fraudOutcomeShape = z.looseObject({
  event_id: z
    .string()
    .min(1)
    .max(128)
    .openapi({ description: 'Also the idempotency key: a repeated event has no further effect' }),
  case_id: z
    .string()
    .min(1)
    .max(128)
    .openapi({ description: 'Shared by the outcomes of one case', example: 'case-2026-0417' }),
  outcome: z.enum(FRAUD_OUTCOMES),
  customer_id: uuid,
  device_id: optional(uuid),
  new_trust_score: optional(z.number().min(0).max(1)).openapi({
    description: "The device's new score; absent: 0 for `confirmed_fraud`, otherwise unchanged",
  }),
  payment_method_id: optional(uuid),
  reason: z.string().min(1).max(1000).openapi({ description: 'One line; recorded in the event log' }),
  occurred_at: time,
});
export const fraudOutcome = withDomainRules(fraudOutcomeShape, validateFraudOutcome).openapi('FraudOutcome');
