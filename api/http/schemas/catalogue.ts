import { z } from '@hono/zod-openapi';
import {
  CONFIGURATION_KEY,
  PERSONA_FIELDS,
  PERSONA_NAME,
  readActivation,
  readConfiguration,
  readPersona,
} from '../../../domain/catalogue/persona.ts';
import {
  MAX_METRICS,
  METRIC_NAME,
  type MetricBucket,
  readMetrics,
} from '../../../domain/catalogue/metrics.ts';
import type { Policy } from '../../../domain/policy.ts';
import { readTimestamp, type TextRule } from '../../../domain/validation.ts';
import { parseDuration } from '../../../platform/duration.ts';
import type { ConfigurationView, PersonaVersionView, PersonaView } from '../../../services/views.ts';
import { pageQuery, queryText } from './common.ts';
import { integer, optional, resultSchema, time, withDomainRules } from './domain-rules.ts';

const pathText = (name: string, { pattern, max, requirement }: TextRule, example: string) =>
  z
    .string()
    .max(max, `must have at most ${max} characters`)
    .regex(pattern ?? /^/, `must ${requirement}`)
    .openapi({ param: { name, in: 'path' }, example });
export const personaParams = z.object({ name: pathText('name', PERSONA_NAME, 'fee-analyst') });
export const configurationParams = z.object({
  key: pathText('key', CONFIGURATION_KEY, 'metrics.window'),
});

const version = (description: string) =>
  queryText()
    .regex(/^[1-9]\d{0,14}$/, 'must be a positive integer')
    .transform(Number)
    .openapi({ type: 'integer', minimum: 1, description });
const filterText = (description: string) =>
  queryText()
    .transform((value) => value || undefined)
    .optional()
    .openapi({ type: 'string', description });

export const personasQuery = pageQuery.extend({
  type: filterText('Only personas of this type'),
  expertise: filterText('Only personas with this expertise, without regard to case'),
  active: z
    .enum(['true', 'false', ''], { error: 'must be true or false' })
    .transform((value) => (value === '' ? undefined : value === 'true'))
    .optional()
    .openapi({ type: 'boolean', description: 'Only personas that are active, or only those that are not' }),
});
export const personaQuery = z.object({
  version: version('An older version; absent: the current one').optional(),
  min_version: version('The least current version to be seen: the `version` of an earlier change').optional(),
});
export const diffQuery = z.object({
  from: version('A version'),
  to: version('A version; absent: the current one').optional(),
});

const queryTime = (description: string) =>
  queryText()
    .refine((value) => readTimestamp(value) !== undefined, 'must be an RFC 3339 time')
    .transform((value) => readTimestamp(value) ?? value)
    .optional()
    .openapi({ type: 'string', format: 'date-time', description });
const HOUR_MS = 3_600_000;
const MAX_PERIOD_MS = 366 * 24 * HOUR_MS;
export const metricsQuery = z.object({
  name: queryText()
    .regex(METRIC_NAME.pattern ?? /^/, `must ${METRIC_NAME.requirement}`)
    .openapi({ description: 'The metric', example: 'latency' }),
  from: queryTime('Absent: a day ago'),
  to: queryTime('Excluded; absent: now'),
  every: queryText()
    .transform((value, context) => {
      const milliseconds = parseDuration(value);
      if (milliseconds !== undefined && milliseconds >= 1_000 && milliseconds <= MAX_PERIOD_MS)
        return milliseconds;
      const message = 'must be a duration from a second to 366 days, such as 5m';
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .default(HOUR_MS)
    .openapi({ type: 'string', description: 'The length of a period', example: '5m', default: '1h' }),
});

const nullableText = (maxLength: number) => optional(z.string()).openapi({ maxLength });
const personaInputShape = z.looseObject({
  name: optional(z.string()).openapi({ description: 'Absent, or that of the path' }),
  display_name: z.string().openapi({ minLength: 1, maxLength: 200 }),
  role: z.string().openapi({ minLength: 1, maxLength: 300 }),
  system_prompt: z.string().openapi({ minLength: 1, maxLength: 32_000 }),
  context: nullableText(16_000),
  expertise: optional(z.array(z.string())).openapi({ maxItems: 50 }),
  response_format: nullableText(16_000),
  persona_type: optional(z.string()).openapi({
    description:
      '`standard` (default), `enhanced-development`, `meta-orchestration`, `metrics-intelligence`, or another of the policy',
  }),
  reason: nullableText(1_000).openapi({ description: 'Why; in the history of the persona' }),
});
export const personaInput = (policy: Pick<Policy, 'catalogue'>) =>
  withDomainRules(personaInputShape, (input) =>
    // The path's name is compared by the service.
    readPersona({ name: 'name', ...(input as object) }, policy),
  ).openapi('PersonaInput', {
    description: 'A complete persona. Fields that only Persona sets are refused.',
  });

const activationShape = z.looseObject({
  version: optional(z.number()).openapi({
    type: ['integer', 'null'],
    minimum: 1,
    description: 'An older version, whose content it gets again; absent: its content is unchanged',
  }),
  reason: nullableText(1_000),
});
export const activation = withDomainRules(activationShape, readActivation).openapi('PersonaActivation');
export const deactivation = withDomainRules(
  activationShape.pick({ reason: true }).loose(),
  readActivation,
).openapi('PersonaDeactivation');

const metricShape = z.looseObject({
  name: z.string().openapi({ maxLength: 100, example: 'latency' }),
  value: z.number(),
  unit: z.string().openapi({ maxLength: 20, example: 'ms' }),
  at: optional(time).openapi({ description: 'When it was measured; absent: now' }),
  version: optional(integer(1)).openapi({ description: "The persona's version; absent: the current one" }),
});
export const metricsInput = (policy: Pick<Policy, 'catalogue'>) =>
  withDomainRules(
    z.looseObject({ metrics: z.array(metricShape).openapi({ minItems: 1, maxItems: MAX_METRICS }) }),
    (input) => readMetrics(input, { now: Date.now(), metricsFor: policy.catalogue.metricsFor }),
  ).openapi('PersonaMetrics');

export const configurationInput = withDomainRules(
  z.looseObject({
    value: z.unknown().openapi({ description: 'Any JSON but null' }),
    reason: nullableText(1_000),
  }),
  (input) => readConfiguration(input, ''),
).openapi('ConfigurationInput');

const state = {
  name: z.string(),
  display_name: z.string(),
  role: z.string(),
  persona_type: z.string(),
  version: z.int(),
  is_active: z.boolean(),
};
const text = z.string().optional();
export const persona = resultSchema<PersonaView>()({
  ...state,
  system_prompt: z.string(),
  context: text,
  expertise: z.array(z.string()),
  response_format: text,
  created_at: time,
  updated_at: time,
}).openapi('AgentPersona');
export const personas = z
  .object({
    personas: z.array(z.string()).openapi({ description: 'The names of `items`' }),
    items: z.array(z.object(state)),
    total: z.int().openapi({ description: 'On all pages' }),
    cache_loaded_at: time,
    database_backed: z.literal(true),
    next_cursor: z.string().optional().openapi({ description: 'Absent on the last page' }),
  })
  .openapi('AgentPersonas');
export const personaVersion = resultSchema<PersonaVersionView>()({
  version: z.int(),
  change: z.enum(['put', 'activated', 'deactivated']),
  restored_version: z.int().optional().openapi({ description: 'Whose content it got again' }),
  is_active: z.boolean(),
  actor: z.string(),
  reason: text,
  recorded_at: time,
}).openapi('AgentPersonaVersion');
export const personaDiff = z
  .object({
    name: z.string(),
    from: z.int(),
    to: z.int(),
    differences: z.array(
      z.object({
        field: z.enum(PERSONA_FIELDS),
        from: z.unknown().openapi({ description: 'null: none' }),
        to: z.unknown().openapi({ description: 'null: none' }),
      }),
    ),
  })
  .openapi('AgentPersonaDiff');
export const metricBuckets = z
  .object({
    items: z.array(
      resultSchema<MetricBucket>()({
        at: time,
        count: z.int(),
        mean: z.number(),
        p50: z.number(),
        p95: z.number(),
      }),
    ),
  })
  .openapi('AgentPersonaMetricPeriods');
export const recorded = z.object({ recorded: z.int() }).openapi('RecordedMetrics');
export const configuration = resultSchema<ConfigurationView>()({
  key: z.string(),
  value: z.unknown(),
  version: z.int(),
  updated_at: time,
}).openapi('PersonaConfiguration');
