/** The contracts of the last release, in `docs/contracts/released/`: what callers may rely on. */

import { fileURLToPath } from 'node:url';
import { fakeServices, silentObservers, testAppOptions } from '../../api/fakes.ts';
import { readSchemas } from '../../events/schemas.ts';
import { createApp } from '../../api/http/app.ts';
import { CONTRACTS } from './example.ts';

const fileOf = (name: string) => fileURLToPath(new URL(`released/${name}`, CONTRACTS));

export const RELEASED_OPENAPI = fileOf('openapi.json');
/** A buf image: compiled, with its imports. */
export const RELEASED_PROTO = fileOf('proto.binpb');
/** The Avro schemas of the topics that Persona writes, by topic. */
export const RELEASED_EVENTS = fileOf('events.json');

/** The OpenAPI document as the API serves it now. */
export async function currentOpenApi(): Promise<string> {
  const app = createApp(fakeServices({}), silentObservers(), testAppOptions);
  const document: unknown = await (await app.request('/openapi.json')).json();
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The Avro schemas as records are written now. */
export function currentEvents(): string {
  return `${JSON.stringify(Object.fromEntries(readSchemas()), null, 2)}\n`;
}
