/** Avro's single-object encoding: the header names the schema by its fingerprint, so that readers need no registry. */

import avro from 'avsc';

/** Avro's specification, 'Schema Fingerprints': the fingerprint of empty text, and the polynomial. */
const EMPTY = 0xc15d213aa4d7a795n;
const MARKER = [0xc3, 0x01];

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
  const type = avro.Type.forSchema(schema as avro.Schema);
  const header = Buffer.alloc(MARKER.length + 8);
  header.set(MARKER);
  header.writeBigUInt64LE(fingerprint(schema), MARKER.length);
  return (value) => {
    type.isValid(value, {
      errorHook(path) {
        // Not the value, which may be a secret.
        throw new Error(`${type.name}.${path.join('.')} does not fit the schema`);
      },
    });
    return Buffer.concat([header, type.toBuffer(value)]);
  };
}
