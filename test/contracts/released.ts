/** The contracts of the last release, in `docs/contracts/released/`: what callers may rely on. */

import { fileURLToPath } from 'node:url';
import { fakeServices, silentObservers, testAppOptions } from '../../api/fakes.ts';
import { DEAD_LETTERS, InboundTopic } from '../../domain/inbound/topics.ts';
import { Topic } from '../../domain/outbox/topics.ts';
import { readSchema } from '../../events/schemas.ts';
import { createApp } from '../../api/http/app.ts';
import { CONTRACTS } from './example.ts';

const fileOf = (name: string) => fileURLToPath(new URL(`released/${name}`, CONTRACTS));

export const RELEASED_OPENAPI = fileOf('openapi.json');
/** A buf image: compiled, with its imports. */
export const RELEASED_PROTO = fileOf('proto.binpb');
/** The Avro schemas of the topics that Persona writes or reads, by topic. */
export const RELEASED_EVENTS = fileOf('events.json');

/** The OpenAPI document as the API serves it now. */
export async function currentOpenApi(): Promise<string> {
  const app = createApp(fakeServices({}), silentObservers(), testAppOptions);
  const document: unknown = await (await app.request('/openapi.json')).json();
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The Avro schemas of today. */
export function currentEvents(): string {
  const topics = [...Object.values(Topic), ...Object.values(InboundTopic), DEAD_LETTERS] as const;
  const schemas = Object.fromEntries(topics.map((topic) => [topic, readSchema(topic)]));
  return `${JSON.stringify(schemas, null, 2)}\n`;
}
