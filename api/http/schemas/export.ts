/** The document of an export: generated from the fields that are given out. */

import { z } from '@hono/zod-openapi';
import { EDGE_FIELDS, type FieldKind, type Fields, NODE_FIELDS } from '../../../domain/export/fields.ts';
import { time, uuid } from './domain-rules.ts';
import { disclosureList } from './rights.ts';
import { note, timelineEvent } from './timeline.ts';

const KINDS: Readonly<Record<FieldKind, z.ZodType>> = {
  text: z.string(),
  sealed: z.string(),
  payment_method_status: z.string(),
  integer: z.int(),
  flag: z.boolean(),
  time: time,
  date: z.iso.date(),
};

/** What has no value is absent. */
function part(fields: Fields, more: Readonly<Record<string, z.ZodType>> = {}) {
  const shape = Object.entries(fields).map(([field, kind]) => [field, KINDS[kind].optional()] as const);
  return z.strictObject({ ...Object.fromEntries(shape), ...more });
}

const attempt = part(NODE_FIELDS.ChargeAttempt, {
  reason_text: z.string().openapi({ description: 'Why it ended as it did' }),
});

export const exportDocument = z
  .strictObject({
    $schema: z.string(),
    customer_id: uuid,
    exported_at: time,
    profile: part(NODE_FIELDS.Customer),
    identifiers: z.array(part({ ...NODE_FIELDS.DigitalIdentifier, ...EDGE_FIELDS.HAS_DIGITAL_IDENTIFIER })),
    addresses: z.array(part({ ...NODE_FIELDS.Address, ...EDGE_FIELDS.SHIPPED_TO })),
    behavioral_profiles: z.array(part(NODE_FIELDS.BehavioralProfile)),
    devices: z.array(part({ ...NODE_FIELDS.Device, ...EDGE_FIELDS.LOGGED_IN_FROM })),
    payment_methods: z.array(
      part(
        { ...NODE_FIELDS.PaymentMethod, ...EDGE_FIELDS.HAS_PAYMENT_METHOD },
        { used_on: z.array(part(EDGE_FIELDS.USED_ON, { device_id: uuid })) },
      ),
    ),
    obligations: z.array(
      part(NODE_FIELDS.Obligation, {
        reason_text: z.string().optional().openapi({ description: 'How its collection stands, and why' }),
        attempts: z.array(attempt),
        overpayments: z.array(part(NODE_FIELDS.Overpayment)),
        refunds: z.array(part(NODE_FIELDS.Refund)),
      }),
    ),
    other_attempts: z
      .array(attempt)
      .openapi({ description: 'Failures that were reported too late for the payment to be collected' }),
    notices: z.array(part(NODE_FIELDS.Notice)),
    suggestions: z
      .array(part(EDGE_FIELDS.POSSIBLY_SAME_AS))
      .openapi({ description: 'That another account may belong to the same person, without saying which' }),
    notes: z.array(note.extend({ seq: z.int().openapi({ description: 'The event that it is about' }) })),
    contests: z.array(part(NODE_FIELDS.Contest)),
    disclosures: disclosureList.shape.items,
    version: z.int().openapi({ description: 'The number of events' }),
    events: z.array(timelineEvent).openapi({ description: 'Oldest first' }),
  })
  .openapi('Export');

export const exportJsonSchema = z.toJSONSchema(exportDocument, { target: 'draft-2020-12' });
