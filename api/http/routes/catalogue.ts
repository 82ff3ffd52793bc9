import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Policy } from '../../../domain/policy.ts';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { idempotencyHeaders, requireIdempotencyKey } from '../idempotency.ts';
import { conditionHeaders, conditionOf, requireCondition } from '../if-match.ts';
import { allowNoBody } from '../optional-body.ts';
import { etagOf, respondPersona, staleHeaders } from '../persona-from-memory.ts';
import { respond } from '../respond.ts';
import {
  activation,
  configuration,
  configurationInput,
  configurationParams,
  deactivation,
  diffQuery,
  metricBuckets,
  metricsInput,
  metricsQuery,
  persona,
  personaDiff,
  personaInput,
  personaParams,
  personaQuery,
  personas,
  personasQuery,
  personaVersion,
  recorded,
} from '../schemas/catalogue.ts';
import { errorResponses, jsonResponse, pageQuery, pageSchema } from '../schemas/common.ts';

const PATH = '/personas/{name}';
const tags = ['catalogue'];

const etag = z.object({
  ETag: z.string().openapi({ description: 'The version of the resource', example: '"7"' }),
});
const staleness = z.object({
  Warning: z.string().optional().openapi({
    description: 'While Neo4j is away: the answer is as old as `Age` says',
    example: '110 persona "Response is stale"',
  }),
  Age: z.string().optional().openapi({ description: 'Seconds; only with `Warning`', example: '42' }),
});
const body = <T extends z.ZodType>(schema: T, required = true) => ({
  required,
  content: { 'application/json': { schema } },
});

const list = createRoute({
  method: 'get',
  path: '/personas',
  tags,
  summary: "The agents' personas, by name",
  request: { query: personasQuery },
  responses: {
    200: jsonResponse(personas, 'A page of the personas', staleness),
    ...errorResponses(['invalid_argument']),
  },
});

const get = createRoute({
  method: 'get',
  path: PATH,
  tags,
  summary: 'One persona',
  request: { params: personaParams, query: personaQuery },
  responses: {
    200: jsonResponse(persona, 'The persona', etag.extend(staleness.shape)),
    ...errorResponses(['persona_not_found', 'persona_version_not_found', 'invalid_argument']),
  },
});

const putPersona = (policy: Pick<Policy, 'catalogue'>) =>
  createRoute({
    method: 'put',
    path: PATH,
    tags,
    middleware: requireCondition,
    summary: 'Add a persona, or a new version of one',
    description: 'A new persona is active. The same content is no new version.',
    request: { params: personaParams, headers: conditionHeaders, body: body(personaInput(policy)) },
    responses: {
      200: jsonResponse(persona, 'The persona as it is now', etag),
      201: jsonResponse(persona, 'The persona, added', etag),
      ...errorResponses(PUT_ERRORS, { body: true }),
    },
  });

const PUT_ERRORS = [
  'version_required',
  'stale_version',
  'idempotency_key_reused',
  'persona_not_found',
  'configuration_not_found',
] as const;
const CHANGE_ERRORS = ['idempotency_key_required', 'idempotency_key_reused', 'persona_not_found'] as const;

const activate = createRoute({
  method: 'post',
  path: `${PATH}/activate`,
  tags,
  middleware: [requireIdempotencyKey, allowNoBody] as const,
  summary: 'Activate a persona; with an older version, roll it back',
  description: 'A rollback is a new version with the content of an older one.',
  request: { params: personaParams, headers: idempotencyHeaders, body: body(activation, false) },
  responses: {
    200: jsonResponse(persona, 'The persona as it is now', etag),
    ...errorResponses([...CHANGE_ERRORS, 'persona_version_not_found'], { body: true }),
  },
});

const deactivate = createRoute({
  method: 'post',
  path: `${PATH}/deactivate`,
  tags,
  middleware: [requireIdempotencyKey, allowNoBody] as const,
  summary: 'Deactivate a persona: it stays readable, and is not asked',
  request: { params: personaParams, headers: idempotencyHeaders, body: body(deactivation, false) },
  responses: {
    200: jsonResponse(persona, 'The persona as it is now', etag),
    ...errorResponses(CHANGE_ERRORS, { body: true }),
  },
});

const versions = createRoute({
  method: 'get',
  path: `${PATH}/versions`,
  tags,
  summary: 'The history of a persona, newest first',
  request: { params: personaParams, query: pageQuery },
  responses: {
    200: jsonResponse(pageSchema(personaVersion, 'AgentPersonaVersions'), 'A page of the versions'),
    ...errorResponses(['persona_not_found', 'invalid_argument']),
  },
});

const diff = createRoute({
  method: 'get',
  path: `${PATH}/diff`,
  tags,
  summary: 'The fields in which two versions of a persona differ',
  request: { params: personaParams, query: diffQuery },
  responses: {
    200: jsonResponse(personaDiff, 'The differences'),
    ...errorResponses(['persona_not_found', 'persona_version_not_found', 'invalid_argument']),
  },
});

const addMetrics = (policy: Pick<Policy, 'catalogue'>) =>
  createRoute({
    method: 'post',
    path: `${PATH}/metrics`,
    tags,
    middleware: requireIdempotencyKey,
    summary: 'Record measurements of a persona, all or none',
    request: { params: personaParams, headers: idempotencyHeaders, body: body(metricsInput(policy)) },
    responses: {
      201: jsonResponse(recorded, 'How many were recorded'),
      ...errorResponses([...CHANGE_ERRORS, 'persona_version_not_found'], { body: true }),
    },
  });

const getMetrics = createRoute({
  method: 'get',
  path: `${PATH}/metrics`,
  tags,
  summary: 'A metric of a persona, summed up by period: only periods with values',
  request: { params: personaParams, query: metricsQuery },
  responses: {
    200: jsonResponse(metricBuckets, 'The periods, oldest first'),
    ...errorResponses(['invalid_argument', 'persona_not_found']),
  },
});

const CONFIGURATION = '/persona-configurations/{key}';

const getConfiguration = createRoute({
  method: 'get',
  path: CONFIGURATION,
  tags,
  summary: 'A configuration of the agents that use the catalogue',
  request: { params: configurationParams },
  responses: {
    200: jsonResponse(configuration, 'The configuration', etag),
    ...errorResponses(['configuration_not_found', 'invalid_argument']),
  },
});

const putConfiguration = createRoute({
  method: 'put',
  path: CONFIGURATION,
  tags,
  middleware: requireCondition,
  summary: 'Add a configuration, or a new version of one',
  request: { params: configurationParams, headers: conditionHeaders, body: body(configurationInput) },
  responses: {
    200: jsonResponse(configuration, 'The configuration as it is now', etag),
    201: jsonResponse(configuration, 'The configuration, added', etag),
    ...errorResponses(PUT_ERRORS, { body: true }),
  },
});

const DAY_MS = 24 * 3_600_000;

/** The catalogue of the agents' personas. */
export function catalogueRoutes(
  app: OpenAPIHono<HttpEnv>,
  services: Services,
  policy: Pick<Policy, 'catalogue'>,
): void {
  app.openapi(list, async (c) => {
    const { type: persona_type, active: is_active, ...rest } = c.req.valid('query');
    const { value, staleMs } = await services.listPersonas(callerOf(c), { ...rest, persona_type, is_active });
    const { items, total, loadedAt, next_cursor } = value;
    const short = items.map(
      ({ name, display_name, role, persona_type: type, version, is_active: active }) => ({
        ...{ name, display_name, role, persona_type: type, version, is_active: active },
      }),
    );
    const answer = {
      personas: items.map(({ name }) => name),
      items: short,
      total,
      cache_loaded_at: new Date(loadedAt).toISOString(),
      database_backed: true as const,
      ...(next_cursor !== undefined && { next_cursor }),
    };
    return respond(c, answer, 200, staleHeaders(staleMs));
  });

  app.openapi(get, async (c) => {
    const request = { ...c.req.valid('param'), ...c.req.valid('query') };
    return respondPersona(c, await services.getPersona(callerOf(c), request)) as never;
  });

  app.openapi(putPersona(policy), async (c) => {
    const condition = conditionOf(c.req.valid('header'));
    const request = { ...c.req.valid('param'), ...condition, body: c.req.valid('json') };
    const { persona: stored, changed } = await services.putPersona(callerOf(c), request);
    return respond(c, stored, changed && stored.version === 1 ? 201 : 200, etagOf(stored));
  });

  for (const [route, change] of [
    [activate, 'activatePersona'],
    [deactivate, 'deactivatePersona'],
  ] as const)
    app.openapi(route, async (c) => {
      const { persona: stored } = await services[change](callerOf(c), {
        ...c.req.valid('param'),
        body: c.req.valid('json'),
      });
      return respond(c, stored, 200, etagOf(stored));
    });

  app.openapi(versions, async (c) => {
    const request = { ...c.req.valid('param'), ...c.req.valid('query') };
    const page = await services.getPersonaVersions(callerOf(c), request);
    return respond(c, { items: page.items, next_cursor: page.next_cursor ?? null }, 200);
  });

  app.openapi(diff, async (c) => {
    const request = { ...c.req.valid('param'), ...c.req.valid('query') };
    return respond(c, await services.diffPersona(callerOf(c), request), 200);
  });

  app.openapi(addMetrics(policy), async (c) => {
    const request = { ...c.req.valid('param'), body: c.req.valid('json') };
    return respond(c, await services.addPersonaMetrics(callerOf(c), request), 201);
  });

  app.openapi(getMetrics, async (c) => {
    const { name: persona_name } = c.req.valid('param');
    const { to = new Date().toISOString(), ...query } = c.req.valid('query');
    const { from = new Date(Date.parse(to) - DAY_MS).toISOString() } = query;
    const request = { ...query, persona: persona_name, from, to };
    return respond(c, await services.getPersonaMetrics(callerOf(c), request), 200);
  });

  app.openapi(getConfiguration, async (c) => {
    const found = await services.getPersonaConfiguration(callerOf(c), c.req.valid('param'));
    return respond(c, found, 200, etagOf(found));
  });

  app.openapi(putConfiguration, async (c) => {
    const condition = conditionOf(c.req.valid('header'));
    const request = { ...c.req.valid('param'), ...condition, body: c.req.valid('json') };
    const { configuration: stored, changed } = await services.putPersonaConfiguration(callerOf(c), request);
    return respond(c, stored, changed && stored.version === 1 ? 201 : 200, etagOf(stored));
  });
}
