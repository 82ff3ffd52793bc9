import avro from 'avsc';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { RegisteredSchema } from '../domain/schema-registry.ts';
import { createSingleObjectEncoder, NotDecodable } from './avro.ts';
import { createValueDecoder, createWireEncoder } from './wire-format.ts';

const field = (name: string, type: unknown, rest = {}) => ({ name, type, ...rest });
const record = (fields: readonly object[], name = 'Example') => ({
  ...{ type: 'record', name, namespace: 'persona.v1', fields },
});
const ID = field('id', 'string');
const N = field('n', ['null', 'long'], { default: null });
const EXAMPLE = record([ID, N]);
/** By another agent: in another order, with a field that is not known here, without an optional one. */
const OTHER_VERSION = record([field('note', 'string'), ID]);

const text = (schema: object) => JSON.stringify(schema);
const SCHEMAS: Readonly<Record<number, RegisteredSchema>> = {
  7: { type: 'AVRO', text: text({ ...EXAMPLE, doc: 'the same' }) },
  8: { type: 'AVRO', text: text(OTHER_VERSION) },
  9: { type: 'AVRO', text: text(record([N])) },
  10: { type: 'PROTOBUF', text: 'syntax = "proto3";' },
  11: { type: 'AVRO', text: text(record([field('id', 'persona.v1.Elsewhere')])) },
};
/** @returns the registry, and the ids that it was asked for */
function registryOf(schemas = SCHEMAS) {
  const asked: number[] = [];
  const registry = {
    register: () => Promise.reject(new Error('not used')),
    async schema(id: number) {
      asked.push(id);
      return schemas[id];
    },
  };
  return { registry, asked };
}
const { registry } = registryOf();
const decode = createValueDecoder(EXAMPLE, { registry });
const decodeExactly = createValueDecoder(EXAMPLE, { registry, isExact: true });
const value = { id: 'ab', n: -1 };

test('a value is encoded as a zero byte, the id in four bytes from the highest on, and Avro binary', () => {
  // By hand: length 2 (zigzag 4), 'ab', branch 1 of the union (zigzag 2), -1 (zigzag 1).
  expect(createWireEncoder(EXAMPLE, 258)(value)).toEqual(Buffer.from([0, 0, 0, 1, 2, 4, 0x61, 0x62, 2, 1]));
  expect(() => createWireEncoder(EXAMPLE, 258)({ id: 7, n: 'secret' })).toThrow(
    /^persona\.v1\.Example\.\w+ does not fit/,
  );
});

test('both encodings are decoded, and a registry is asked once for each id', async () => {
  const { registry: own, asked } = registryOf();
  const decodeOwn = createValueDecoder(EXAMPLE, { registry: own });
  const encoded = createWireEncoder(EXAMPLE, 7)(value);
  expect(await decodeOwn(createSingleObjectEncoder(EXAMPLE)(value))).toEqual(value);
  for (const bytes of [encoded, encoded, Buffer.concat([Buffer.alloc(3), encoded]).subarray(3)])
    expect(await decodeOwn(bytes)).toEqual(value);
  expect(asked).toEqual([7]);
});

test('a value of another version is read by Avro’s schema resolution, unless it must be of this very one', async () => {
  const bytes = createWireEncoder(OTHER_VERSION, 8)({ note: 'new', id: 'ab' });
  expect(await decode(bytes)).toEqual({ id: 'ab', n: null });
  await expect(decodeExactly(bytes)).rejects.toMatchObject({ otherSchema: '8' });
  expect(await decodeExactly(createWireEncoder(EXAMPLE, 7)(value))).toEqual(value);
});

const binary = avro.Type.forSchema(EXAMPLE as avro.Schema).toBuffer(value);
test.each([
  [9, 'was written with schema 9, which cannot be read as persona.v1.Example'],
  [10, 'was written with schema 10, which is PROTOBUF instead of Avro'],
  [11, 'was written with schema 11, which is no schema of Avro by itself'],
  [12, 'was written with schema 12, which the schema registry does not know'],
])('a value of schema %i is refused with the reason', async (id, message) => {
  const failing = decode(Buffer.from([0, 0, 0, 0, id, ...binary]));
  await expect(failing).rejects.toThrow(new NotDecodable(message));
});

test('a damaged value is refused without its content', async () => {
  const failing = decode(Buffer.from([0, 0, 0, 0, 7, ...binary.subarray(0, -1)]));
  await expect(failing).rejects.toThrow(new NotDecodable('is no value of persona.v1.Example'));
});

test('without a registry, its format is refused with the variable that is missing', async () => {
  const failing = createValueDecoder(EXAMPLE, { registry: undefined })(createWireEncoder(EXAMPLE, 7)(value));
  await expect(failing).rejects.toThrow(
    new NotDecodable("is in Confluent's wire format, and no SCHEMA_REGISTRY_URL is set"),
  );
});

test('a registry that is away is no fault of the value', async () => {
  const away = {
    ...registry,
    schema: () => Promise.reject(new PersonaError('schema_registry_unavailable', 'away')),
  };
  const failing = createValueDecoder(EXAMPLE, { registry: away })(createWireEncoder(EXAMPLE, 7)(value));
  await expect(failing).rejects.toMatchObject({ type: 'schema_registry_unavailable' });
});
