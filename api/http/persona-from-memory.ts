/**
 * `GET /personas/{name}` as it is now, before everything that only other requests need: agents send it with every question,
 * and time limit, validators and dispatch to the route would take longer than the answer (docs/performance.md).
 */

import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { PERSONA_NAME } from '../../domain/catalogue/persona.ts';
import type { FromCatalogue } from '../../services/catalogue.ts';
import type { Services } from '../../services/services.ts';
import type { PersonaView } from '../../services/views.ts';
import { callerOf, type HttpEnv, type ResponseHeaders } from './env.ts';
import { respondText } from './respond.ts';

const ROUTE = 'GET /personas/{name}';
const FOLDER = '/personas/';
const { pattern = /^$/, max } = PERSONA_NAME;

/** Whatever it does not answer goes on to the route. */
export function answerFromMemory(services: Services) {
  return createMiddleware<HttpEnv>(async (c, next) => {
    if (c.get('route').name !== ROUTE || c.req.url.includes('?')) return next();
    const name = c.req.path.slice(FOLDER.length);
    if (name.length > max || !pattern.test(name)) return next();
    return respondPersona(c, await services.getPersona(callerOf(c), { name }));
  });
}

export function respondPersona(
  c: Context<HttpEnv>,
  { value, staleMs }: FromCatalogue<PersonaView>,
): Response {
  return respondText(c, textOf(value), 200, { ...etagOf(value), ...staleHeaders(staleMs) });
}

/** By what was read: each version that is in memory is one object, written once. */
const texts = new WeakMap<PersonaView, string>();

function textOf(persona: PersonaView): string {
  let text = texts.get(persona);
  if (text === undefined) texts.set(persona, (text = JSON.stringify(persona)));
  return text;
}

export const etagOf = ({ version }: { version: number }) => ({ etag: `"${version}"` });

/** Say how old the answer is, if that is older than usual (RFC 7234, 5.5.1). */
export function staleHeaders(staleMs: number | undefined): ResponseHeaders | undefined {
  if (staleMs === undefined) return undefined;
  return { warning: '110 persona "Response is stale"', age: String(Math.floor(staleMs / 1_000)) };
}
