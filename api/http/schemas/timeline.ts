import { z } from '@hono/zod-openapi';
import { CONTEST_DECISIONS, type Contest } from '../../../domain/contests.ts';
import { REASON, validate } from '../../../domain/validation.ts';
import type { EventView, NoteView, TimelineView } from '../../../services/views.ts';
import { customerParams } from './common.ts';
import { resultSchema, time, withDomainRules } from './domain-rules.ts';

const type = z.string().openapi({ description: 'The event type; Masked if it must not be disclosed' });

export const newNote = withDomainRules(
  z.looseObject({
    text: z.string().min(1).max(REASON.max).openapi({ description: 'One line; kept encrypted' }),
  }),
  (input) => validate(input, (fields) => fields.requiredText('text', REASON)),
).openapi('NewNote');

export const note = resultSchema<NoteView>()({ text: z.string(), noted_at: time }).openapi('Note');
const notes = z.array(note).openapi({ description: "The customer's notes on it, oldest first" });

export const newContest = withDomainRules(
  z.looseObject({
    reason: z.string().min(1).max(REASON.max).openapi({ description: 'One line; kept encrypted' }),
  }),
  (input) => validate(input, (fields) => fields.requiredText('reason', REASON)),
).openapi('NewContest');
const contestRef = z.string().openapi({ description: 'customer_id and seq, joined by a colon' });
export const contestAccepted = z.object({ contest_id: contestRef }).openapi('ContestAccepted');
export const contest = resultSchema<Contest>()({
  contest_id: contestRef,
  seq: z.int().openapi({ description: 'The contested event' }),
  state: z.enum(['open', ...CONTEST_DECISIONS]),
  reason: z.string(),
  explanation: z.string().optional(),
  opened_at: time,
  decided_at: time.optional(),
}).openapi('Contest');

export const timelineEntry = resultSchema<TimelineView>()({
  seq: z.int(),
  type,
  occurred_at: time,
  text: z.string(),
  notes: notes.optional(),
}).openapi('TimelineEntry');

/** Of a masked event, `source`, `actor`, `why` and `data` are null. */
export const timelineEvent = resultSchema<EventView>()({
  seq: z.int(),
  type,
  occurred_at: time,
  recorded_at: time,
  source: z.string().nullable().openapi({ description: 'What reported it; null if it is masked' }),
  actor: z.string().nullable().openapi({
    description: 'Who did it: customer, service, gateway, operator or persona, or the name of an agent',
  }),
  text: z.string(),
  why: z.string().nullable().openapi({ description: 'What decided, in words' }),
  data: z
    .record(z.string(), z.unknown())
    .nullable()
    .openapi({ description: "The event's data, without tokens, codes and reasons" }),
  caused_by: z.string().optional().openapi({ description: "The id of another agent's event" }),
  notes,
  contest: contest.optional(),
}).openapi('TimelineEvent');

export const eventParams = customerParams.extend({
  seq: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be the seq of an event')
    .transform(Number)
    .openapi({ param: { name: 'seq', in: 'path' }, type: 'integer', minimum: 1 }),
});
