import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Services } from '../../../services/services.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { idempotencyHeaders, requireIdempotencyKey } from '../idempotency.ts';
import { respond } from '../respond.ts';
import { customerParams, errorResponses, jsonResponse, pageQuery, pageSchema } from '../schemas/common.ts';
import { eventParams, newNote, note, timelineEntry, timelineEvent } from '../schemas/timeline.ts';

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
}
