/**
 * The Avro schemas against those of the last release: who has either schema reads what is written with the other, because
 * records stay in Kafka for weeks, and other agents are released when they like.
 */

import { readFileSync } from 'node:fs';
import avro from 'avsc';
import { expect, test } from 'vitest';
import { currentEvents, RELEASED_EVENTS } from './released.ts';

type Schemas = Record<string, { fields: { name: string; type: unknown; default?: unknown }[] }>;

const released = JSON.parse(readFileSync(RELEASED_EVENTS, 'utf8')) as Schemas;
const current = () => JSON.parse(currentEvents()) as Schemas;

/** @returns each topic whose records one side cannot read, with the reason */
function problems(schemas: Schemas): string[] {
  return Object.entries(released).flatMap(([topic, before]) => {
    const now = schemas[topic];
    if (now === undefined) return [`${topic}: is gone`];
    const [old, recent] = [before, now].map((schema) =>
      avro.Type.forSchema(schema as unknown as avro.Schema),
    );
    return [
      ...cannotRead(`${topic}: today's schema cannot read the released one's records`, recent, old),
      ...cannotRead(`${topic}: the released schema cannot read today's records`, old, recent),
    ];
  });
}

function cannotRead(what: string, reader: avro.Type | undefined, writer: avro.Type | undefined): string[] {
  try {
    if (reader && writer) reader.createResolver(writer);
    return [];
  } catch (error) {
    return [`${what}: ${(error as Error).message}`];
  }
}

test('every released topic is compatible in both directions', () => {
  expect(problems(current())).toEqual([]);
});

const FIELD = { name: 'added', doc: 'an example' };
const LOG = 'persona.log.v1';

test.each([
  ['a removed topic', (schemas: Schemas) => delete schemas[LOG], 1],
  ['a new field without a default', (schemas: Schemas) => addField(schemas, { ...FIELD, type: 'string' }), 1],
  ['a removed field without a default', (schemas: Schemas) => schemas[LOG]?.fields.pop(), 1],
  ['another type', (schemas: Schemas) => Object.assign(schemas[LOG]?.fields[0] ?? {}, { type: 'long' }), 2],
  [
    'a new field with a default, which is no problem',
    (schemas: Schemas) => addField(schemas, { ...FIELD, type: ['null', 'string'], default: null }),
    0,
  ],
])('%s', (_, change, count) => {
  const schemas = current();
  change(schemas);
  expect(problems(schemas)).toHaveLength(count);
});

function addField(schemas: Schemas, field: Schemas[string]['fields'][number]): void {
  schemas[LOG]?.fields.push(field);
}

test('every field is documented, and every nullable one has a default', () => {
  for (const [topic, { fields }] of Object.entries(current())) {
    for (const field of fields) {
      expect(field, topic).toHaveProperty('doc');
      if (Array.isArray(field.type)) expect(field, topic).toHaveProperty('default', null);
    }
  }
});
