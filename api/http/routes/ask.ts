/** Asking a persona, and how the catalogue is served. */

import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { AnswerPart, AnswerSummary } from '../../../services/ask-persona.ts';
import type { Services } from '../../../services/services.ts';
import { asPersonaError, type Observers } from '../../requests.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { problemOf } from '../problem.ts';
import { respond } from '../respond.ts';
import { answer, answerEvent, catalogueHealth, question } from '../schemas/ask.ts';
import { personaParams } from '../schemas/catalogue.ts';
import { errorResponses, jsonResponse } from '../schemas/common.ts';

const tags = ['catalogue'];

const ask = createRoute({
  method: 'post',
  path: '/persona/{name}',
  tags,
  summary: 'Ask a persona',
  description:
    'A model answers with the persona’s instructions. As server-sent events: `text` with `{text}`, at the end `done` with the fields of the answer but its text, or `error` with a problem document.',
  request: {
    params: personaParams,
    body: { required: true, content: { 'application/json': { schema: question } } },
  },
  responses: {
    200: {
      description: 'The answer',
      content: { 'application/json': { schema: answer }, 'text/event-stream': { schema: answerEvent } },
    },
    ...errorResponses(
      ['persona_not_found', 'persona_inactive', 'model_not_configured', 'model_unavailable'],
      { body: true },
    ),
  },
});

const health = createRoute({
  method: 'get',
  path: '/health',
  tags,
  summary: 'How the catalogue is served, and which servers behind it respond',
  responses: {
    200: jsonResponse(catalogueHealth, 'It is served; `degraded`: something behind it is away'),
    503: jsonResponse(catalogueHealth, 'It has not been read yet'),
    ...errorResponses([], { access: 'open' }),
  },
});

export function askRoutes(
  app: OpenAPIHono<HttpEnv>,
  services: Services,
  { logger }: Pick<Observers, 'logger'>,
): void {
  app.openapi(ask, async (c) => {
    const body = c.req.valid('json');
    const leave = new AbortController();
    const caller = callerOf(c);
    const signal = AbortSignal.any([caller.signal, leave.signal]);
    const parts = services.askPersona({ ...caller, signal }, { ...c.req.valid('param'), body });
    const isStream = body.stream === true || c.req.header('accept')?.includes('text/event-stream') === true;
    // Until the first part of the answer an error is a problem document.
    const first = await parts.next();
    if (isStream) return streamAnswer(c, withFirst(first, parts), leave, logger) as never;
    let text = '';
    let summary: AnswerSummary | undefined;
    for await (const part of withFirst(first, parts)) {
      if ('text' in part) text += part.text;
      else summary = part.summary;
    }
    if (summary === undefined) throw new Error('an answer ended without its summary');
    return respond(c, { answer: text.trim(), ...summary }, 200);
  });

  app.openapi(health, async (c) => {
    const state = await services.catalogueHealth();
    return respond(c, state, state.status === 'starting' ? 503 : 200);
  });
}

async function* withFirst(
  first: IteratorResult<AnswerPart>,
  rest: AsyncGenerator<AnswerPart>,
): AsyncGenerator<AnswerPart> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

/** @param leave aborted when the caller disconnects */
function streamAnswer(
  c: Context<HttpEnv>,
  parts: AsyncGenerator<AnswerPart>,
  leave: AbortController,
  logger: Observers['logger'],
): Response {
  c.set('isStreamed', true);
  const request_id = c.get('ids').requestId;
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => leave.abort());
    try {
      for await (const part of parts) {
        const [event, data] = 'text' in part ? ['text', part] : ['done', part.summary];
        await stream.writeSSE({ event, data: JSON.stringify(data) });
      }
    } catch (error) {
      if (leave.signal.aborted) return;
      const failure = asPersonaError(error);
      logger.warn({ request_id, error_type: failure.type }, 'an answer ended early');
      await stream.writeSSE({ event: 'error', data: JSON.stringify(problemOf(failure, request_id)) });
    }
  });
}
