/**
 * The responses of routes, with the headers that every response has. Up to here headers are plain objects, which the
 * server writes as they are: a `Headers` object, and each header that is added to a finished response, costs more than
 * answering from memory (docs/decisions/25-api.md).
 */

import type { Context, TypedResponse } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { JSONParsed } from 'hono/utils/types';
import type { HttpEnv, ResponseHeaders } from './env.ts';

type JsonResponse<T, S extends ContentfulStatusCode> = Response & TypedResponse<JSONParsed<T>, S, 'json'>;

/** @param headers in addition to those of every response */
export function respond<T extends object, S extends ContentfulStatusCode>(
  c: Context<HttpEnv>,
  body: T,
  status: S,
  headers?: ResponseHeaders,
): JsonResponse<T, S> {
  return respondText(c, JSON.stringify(body), status, headers) as JsonResponse<T, S>;
}

/** @param text JSON */
export function respondText(
  c: Context<HttpEnv>,
  text: string,
  status: ContentfulStatusCode,
  headers?: ResponseHeaders,
): Response {
  const response = new Response(text, {
    status,
    headers: { 'content-type': 'application/json', ...c.get('headers'), ...headers },
  });
  c.set('response', response);
  return response;
}

/** From now on every response to this request has these headers, too. */
export function addHeaders(c: Context<HttpEnv>, headers: ResponseHeaders): void {
  c.set('headers', { ...c.get('headers'), ...headers });
}

/** For responses that were not made here: of another type, without a body, or a stream. */
export function completeHeaders(c: Context<HttpEnv>): void {
  if (c.get('response') === c.res) return;
  for (const [name, value] of Object.entries(c.get('headers'))) c.res.headers.set(name, value);
}
