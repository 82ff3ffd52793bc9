/** Avro's single-object encoding: the header names the schema by its fingerprint, so that readers need no registry. */

import avro from 'avsc';

/** Avro's specification, 'Schema Fingerprints': the fingerprint of empty text, and the polynomial. */
const EMPTY = 0xc15d213aa4d7a795n;
const MARKER = Buffer.from([0xc3, 0x01]);
const HEADER_BYTES = MARKER.length + 8;

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let entry = BigInt(byte);
  for (let bit = 0; bit < 8; bit += 1) entry = (entry >> 1n) ^ (EMPTY & -(entry & 1n));
  return BigInt.asUintN(64, entry);
});

/** CRC-64-AVRO of the schema's Parsing Canonical Form, which omits documentation, defaults and logical types. */
export function fingerprint(schema: unknown): bigint {
  const canonicalForm = JSON.stringify(avro.Type.forSchema(schema as avro.Schema).schema());
  let value = EMPTY;
  for (const byte of Buffer.from(canonicalForm))
    value = (value >> 8n) ^ (TABLE[Number((value ^ BigInt(byte)) & 0xffn)] ?? 0n);
  return value;
}

/**
 * @param schema a parsed `.avsc` file
 * @returns encodes a value of the schema, and throws an Error naming the field if it does not fit
 */
export function createSingleObjectEncoder(schema: unknown): (value: unknown) => Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.set(MARKER);
  header.writeBigUInt64LE(fingerprint(schema), MARKER.length);
  return createEncoder(schema, header);
}

/** @returns encodes a value of the schema as Avro binary after the header, and throws as above */
export function createEncoder(schema: unknown, header: Buffer): (value: unknown) => Buffer {
  const type = avro.Type.forSchema(schema as avro.Schema);
  return (value) => {
    try {
      return Buffer.concat([header, type.toBuffer(value)]);
    } catch {
      // Without the cause: avsc's message has the value, which may be a secret.
      type.isValid(value, {
        errorHook(path) {
          throw new Error(`${type.name}.${path.join('.')} does not fit the schema`);
        },
      });
      throw new Error(`${type.name} cannot be encoded`);
    }
  };
}

/** Bytes that are no value of a known schema. Its message names no part of them, which may be secret. */
export class NotDecodable extends Error {
  override name = 'NotDecodable';
  /** The fingerprint of the unknown schema that the bytes name, in 16 hexadecimal digits; absent: they are damaged. */
  readonly otherSchema: string | undefined;

  constructor(message: string, otherSchema?: string) {
    super(message);
    this.otherSchema = otherSchema;
  }
}

export interface DecodedValue {
  /** The full name of the schema with which it was written, such as `persona.v1.LoggedEvent`. */
  readonly name: string;
  readonly value: unknown;
}

/**
 * @param schemas parsed `.avsc` files, of which the bytes say by fingerprint with which one they were written
 * @returns decodes one value, and throws NotDecodable unless the bytes are exactly a value of one of the schemas
 */
export function createSingleObjectDecoder(schemas: Iterable<unknown>): (bytes: Uint8Array) => DecodedValue {
  const types = new Map(
    [...schemas].map((schema) => [fingerprint(schema), avro.Type.forSchema(schema as avro.Schema)]),
  );
  return (bytes) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (buffer.length < HEADER_BYTES || !buffer.subarray(0, MARKER.length).equals(MARKER))
      throw new NotDecodable("lacks the header of Avro's single-object encoding");
    const schema = buffer.readBigUInt64LE(MARKER.length);
    const type = types.get(schema);
    if (type === undefined) {
      const otherSchema = schema.toString(16).padStart(16, '0');
      throw new NotDecodable(`was written with the unknown schema ${otherSchema}`, otherSchema);
    }
    try {
      return { name: String(type.name), value: type.fromBuffer(buffer.subarray(HEADER_BYTES)) };
    } catch {
      // Without the cause: avsc's message may contain the value.
      throw new NotDecodable(`is no value of ${type.name}`);
    }
  };
}
