import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { idempotencyHeaders, requireIdempotencyKey } from '../idempotency.ts';
import { respond } from '../respond.ts';
import { customerParams, errorResponses, jsonResponse, pageQuery, pageSchema } from '../schemas/common.ts';
import {
  contest,
  contestAccepted,
  eventParams,
  newContest,
  newNote,
  note,
  timelineEntry,
  timelineEvent,
} from '../schemas/timeline.ts';

const PATH = '/api/v1/customers/{customer_id}/timeline';
const tags = ['rights'];

const list = createRoute({
  method: 'get',
  path: PATH,
  tags,
  summary: "The customer's events in plain words, newest first",
  request: { params: customerParams, query: pageQuery },
  responses: {
    200: jsonResponse(pageSchema(timelineEntry, 'Timeline'), 'A page of the timeline'),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

const get = createRoute({
  method: 'get',
  path: `${PATH}/{seq}`,
  tags,
  summary: 'One event, with its data and what decided',
  request: { params: eventParams },
  responses: {
    200: jsonResponse(timelineEvent, 'The event'),
    ...errorResponses(['customer_not_found', 'event_not_found', 'invalid_argument']),
  },
});

const annotate = createRoute({
  method: 'post',
  path: `${PATH}/{seq}/notes`,
  tags,
  middleware: requireIdempotencyKey,
  summary: 'Add a note to an event',
  description: 'It is shown wherever the event is shown.',
  request: {
    params: eventParams,
    headers: idempotencyHeaders,
    body: { required: true, content: { 'application/json': { schema: newNote } } },
  },
  responses: {
    201: jsonResponse(note, 'The note'),
    ...errorResponses(
      ['idempotency_key_required', 'idempotency_key_reused', 'customer_not_found', 'event_not_found'],
      { body: true },
    ),
  },
});

const contestOne = createRoute({
  method: 'post',
  path: `${PATH}/{seq}/contest`,
  tags,
  middleware: requireIdempotencyKey,
  summary: 'Contest an event',
  description: 'A person decides. What the event linked to the customer counts as unproven until then.',
  request: {
    params: eventParams,
    headers: idempotencyHeaders,
    body: { required: true, content: { 'application/json': { schema: newContest } } },
  },
  responses: {
    202: jsonResponse(contestAccepted, 'The contest awaits a decision'),
    ...errorResponses(
      [
        ...(['idempotency_key_required', 'idempotency_key_reused', 'customer_not_found'] as const),
        ...(['event_not_found', 'event_not_contestable', 'contest_exists'] as const),
      ],
      { body: true },
    ),
  },
});

const contests = createRoute({
  method: 'get',
  path: '/api/v1/customers/{customer_id}/contests',
  tags,
  summary: 'The contests, newest first',
  request: { params: customerParams, query: pageQuery },
  responses: {
    200: jsonResponse(pageSchema(contest, 'Contests'), 'A page of the contests'),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

/** What Persona knows of the customer, and why. */
export function timelineRoutes(app: OpenAPIHono<HttpEnv>, services: Services): void {
  app.openapi(list, async (c) => {
    const { customer_id } = c.req.valid('param');
    const request = { customer_id, ...c.req.valid('query') };
    const page = await services.getTimeline(callerOf(c, customer_id), request);
    return respond(c, { items: page.items, next_cursor: page.next_cursor ?? null }, 200);
  });

  app.openapi(get, async (c) => {
    const event = c.req.valid('param');
    return respond(c, await services.getTimelineEvent(callerOf(c, event.customer_id), event), 200);
  });

  app.openapi(annotate, async (c) => {
    const request = { ...c.req.valid('param'), body: c.req.valid('json') };
    return respond(c, await services.annotateTimelineEvent(callerOf(c, request.customer_id), request), 201);
  });

  app.openapi(contestOne, async (c) => {
    const request = { ...c.req.valid('param'), body: c.req.valid('json') };
    return c.json(await services.contestEvent(callerOf(c, request.customer_id), request), 202);
  });

  app.openapi(contests, async (c) => {
    const { customer_id } = c.req.valid('param');
    const request = { customer_id, ...c.req.valid('query') };
    const page = await services.getContests(callerOf(c, customer_id), request);
    return c.json({ items: page.items, next_cursor: page.next_cursor ?? null }, 200);
  });
}
