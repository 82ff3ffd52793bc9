/**
 * Values of a topic in either of two encodings: Avro's single-object encoding, or Confluent's wire format, which names the
 * schema by its id at a registry.
 */

import avro from 'avsc';
import type { SchemaRegistry } from '../domain/schema-registry.ts';
import { createEncoder, createSingleObjectDecoder, fingerprint, NotDecodable } from './avro.ts';

const MAGIC = 0;
/** The zero byte, and the id. */
const HEADER_BYTES = 5;

/**
 * @param schema a parsed `.avsc` file
 * @param id of the schema at the registry
 * @returns encodes a value of the schema, and throws an Error naming the field if it does not fit
 */
export function createWireEncoder(schema: unknown, id: number): (value: unknown) => Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32BE(id, 1);
  return createEncoder(schema, header);
}

/** @throws NotDecodable; PersonaError schema_registry_unavailable */
export type DecodeValue = (bytes: Uint8Array) => Promise<unknown>;

/**
 * @param schema the topic's, a parsed `.avsc` file
 * @param options.registry absent: Confluent's wire format cannot be decoded
 * @param options.isExact only what was written with this schema is decoded; otherwise a value that was written with another
 * version is read as Avro's schema resolution says: unknown fields are left out, missing ones have their defaults. Values in
 * single-object encoding say only that the schema is another one
 */
export function createValueDecoder(
  schema: unknown,
  { registry, isExact = false }: { registry: SchemaRegistry | undefined; isExact?: boolean },
): DecodeValue {
  const type = avro.Type.forSchema(schema as avro.Schema);
  const decodeSingleObject = createSingleObjectDecoder([schema]);
  const resolvers = new Map<number, ReturnType<avro.Type['createResolver']>>();

  const resolverOf = async (id: number) => {
    const known = resolvers.get(id);
    if (known !== undefined) return known;
    if (registry === undefined)
      throw new NotDecodable("is in Confluent's wire format, and no SCHEMA_REGISTRY_URL is set");
    const written = await registry.schema(id);
    if (written === undefined)
      throw new NotDecodable(`was written with schema ${id}, which the schema registry does not know`);
    const resolver = resolve(id, written);
    resolvers.set(id, resolver);
    return resolver;
  };
  const resolve = (id: number, written: { type: string; text: string }) => {
    if (written.type !== 'AVRO')
      throw new NotDecodable(`was written with schema ${id}, which is ${written.type} instead of Avro`);
    const writer = parse(id, written.text);
    const isOther = fingerprint(writer) !== fingerprint(schema);
    if (isExact && isOther) throw new NotDecodable(`was written with the unknown schema ${id}`, String(id));
    try {
      return type.createResolver(avro.Type.forSchema(writer));
    } catch {
      throw new NotDecodable(`was written with schema ${id}, which cannot be read as ${type.name}`);
    }
  };
  return async (bytes) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (buffer[0] !== MAGIC || buffer.length < HEADER_BYTES) return decodeSingleObject(buffer).value;
    const resolver = await resolverOf(buffer.readInt32BE(1));
    try {
      return type.fromBuffer(buffer.subarray(HEADER_BYTES), resolver);
    } catch {
      // Without the cause: avsc's message may contain the value.
      throw new NotDecodable(`is no value of ${type.name}`);
    }
  };
}

function parse(id: number, text: string): avro.Schema {
  try {
    const schema = JSON.parse(text) as avro.Schema;
    avro.Type.forSchema(schema);
    return schema;
  } catch {
    throw new NotDecodable(`was written with schema ${id}, which is no schema of Avro by itself`);
  }
}
