/**
 * Avro as another agent implements it: from the published schemas (`events/schemas/`) alone, in single-object encoding; where
 * there is a schema registry, Confluent's wire format is read as well.
 */

import { readFileSync } from 'node:fs';
import avro from 'avsc';
import type { SchemaRegistry } from '../../domain/schema-registry.ts';

export interface AvroCodec<T> {
  /** Optional fields may be absent. @throws Error if the value does not fit the schema */
  encode(value: T): Buffer;
  /** @throws Error if the bytes are no value of the schema; PersonaError schema_registry_unavailable */
  decode(bytes: Buffer): Promise<T>;
}

/** Avro's specification, 'Schema Fingerprints'. */
const EMPTY = 0xc15d213aa4d7a795n;
const MARKER = Buffer.from([0xc3, 0x01]);

/** Confluent's: a zero byte, and the schema's id at the registry. */
const WIRE_HEADER_BYTES = 5;

/** @param schemaFile in `events/schemas/`, such as `payment-failed.avsc` */
export function readAvroCodec<T extends object>(
  schemaFile: string,
  registry?: Pick<SchemaRegistry, 'schema'>,
): AvroCodec<T> {
  const file = new URL(`../../events/schemas/${schemaFile}`, import.meta.url);
  const type = avro.Type.forSchema(JSON.parse(readFileSync(file, 'utf8')) as avro.Schema);
  const header = Buffer.concat([MARKER, fingerprint(type)]);
  return {
    encode: (value) => Buffer.concat([header, type.toBuffer(value)]),
    async decode(bytes) {
      if (registry && bytes[0] === 0) {
        const written = await registry.schema(bytes.readInt32BE(1));
        if (written === undefined) throw new Error('the schema registry lacks the schema of a record');
        const writer = avro.Type.forSchema(JSON.parse(written.text) as avro.Schema);
        const resolver = type.createResolver(writer);
        return { ...(type.fromBuffer(bytes.subarray(WIRE_HEADER_BYTES), resolver) as T) };
      }
      if (!bytes.subarray(0, header.length).equals(header))
        throw new Error(`a record was not written with ${schemaFile}`);
      return { ...(type.fromBuffer(bytes.subarray(header.length)) as T) };
    },
  };
}

/** CRC-64-AVRO of the schema's Parsing Canonical Form, which avsc's `schema()` returns; the lowest byte first. */
function fingerprint(type: avro.Type): Buffer {
  let value = EMPTY;
  for (const byte of Buffer.from(JSON.stringify(type.schema()))) {
    value ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) value = (value >> 1n) ^ (EMPTY & -(value & 1n));
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}
