import { z } from '@hono/zod-openapi';
import { readQuestion } from '../../../domain/catalogue/question.ts';
import type { AnswerSummary } from '../../../services/ask-persona.ts';
import type { CatalogueHealth } from '../../../services/catalogue-health.ts';
import { optional, optionalInteger, resultSchema, withDomainRules } from './domain-rules.ts';

const text = z.string().openapi({ maxLength: 16_000 });
export const question = withDomainRules(
  z.looseObject({
    message: text.openapi({ minLength: 1 }),
    context: optional(text).openapi({ description: 'What the caller knows about the question' }),
    max_tokens: optionalInteger(1, 32_000),
    stream: optional(z.boolean()).openapi({
      description: 'Server-sent events; the same as `Accept: text/event-stream`',
    }),
  }),
  readQuestion,
).openapi('PersonaQuestion');

const tokens = z.object({ input_tokens: z.int(), output_tokens: z.int() });
const summary = {
  persona: z.string(),
  version: z.int(),
  model: z.string(),
  retrieval: z.enum(['used', 'away', 'not_configured']),
  latency_ms: z.int(),
  usage: tokens.optional().openapi({ description: 'Absent: the model did not say' }),
};
export const answer = resultSchema<AnswerSummary & { answer: string }>()({
  ...summary,
  answer: z.string(),
}).openapi('PersonaAnswer');

/** One server-sent event; before OpenAPI 3.2 the schema of `text/event-stream` describes each of them. */
export const answerEvent = z
  .object({
    event: z.enum(['text', 'done', 'error']),
    data: z.string().openapi({
      description: 'JSON. `text`: `{text}`; `done`: the answer without its text; `error`: a problem document',
    }),
  })
  .openapi('PersonaAnswerEvent');

const server = z.enum(['available', 'away', 'not_configured']);
export const catalogueHealth = resultSchema<CatalogueHealth>()({
  status: z.enum(['ok', 'degraded', 'starting']),
  database: z.enum(['up', 'down']),
  cache: z.object({
    loaded_at: z.string().nullable().openapi({ format: 'date-time' }),
    age_s: z.number().nullable(),
    hit_ratio: z.number(),
    entries: z.int(),
  }),
  personas: z.object({ total: z.int(), by_type: z.record(z.string(), z.int()) }),
  retrieval_engine: server,
  model: server,
}).openapi('CatalogueHealth');
