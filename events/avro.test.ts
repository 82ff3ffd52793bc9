import avro from 'avsc';
import { describe, expect, test } from 'vitest';
import { createSingleObjectDecoder, createSingleObjectEncoder, fingerprint, NotDecodable } from './avro.ts';

const EXAMPLE = {
  type: 'record',
  name: 'Example',
  namespace: 'persona.v1',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'n', type: ['null', 'long'], default: null },
  ],
};

describe('fingerprint', () => {
  // As computed by Apache Avro and by fastavro.
  test.each([
    ['null', '63dd24e7cc258f8a'],
    ['boolean', '9f42fc78a4d4f764'],
    ['int', '7275d51a3f395c8f'],
    ['long', 'd054e14493f41db7'],
    ['float', '4d7c02cb3ea8d790'],
    ['double', '8e7535c032ab957e'],
    ['bytes', '4fc016dac3201965'],
    ['string', '8f014872634503c7'],
    [EXAMPLE, '735330a8878416e8'],
  ])('of %j is that of other implementations', (schema, expected) => {
    expect(fingerprint(schema).toString(16)).toBe(expected);
  });

  test('does not depend on documentation, defaults, logical types or the order of attributes', () => {
    const plain = { type: 'record', name: 'R', namespace: 'n', fields: [{ name: 'at', type: 'long' }] };
    const documented = {
      doc: 'a record',
      namespace: 'n',
      fields: [
        {
          doc: 'a time',
          name: 'at',
          type: { type: 'long', logicalType: 'timestamp-millis' },
          default: 0,
        },
      ],
      name: 'R',
      type: 'record',
    };
    expect(fingerprint(documented)).toBe(fingerprint(plain));
  });
});

test('a value is encoded as marker, fingerprint in little-endian order, and Avro binary', () => {
  const encoded = createSingleObjectEncoder(EXAMPLE)({ id: 'ab', n: -1 });
  const header = Buffer.alloc(8);
  header.writeBigUInt64LE(fingerprint(EXAMPLE));
  // By hand: length 2 (zigzag 4), 'ab', branch 1 of the union (zigzag 2), -1 (zigzag 1).
  expect(encoded).toEqual(Buffer.from([0xc3, 0x01, ...header, 4, 0x61, 0x62, 2, 1]));
  expect(avro.Type.forSchema(EXAMPLE as avro.Schema).fromBuffer(encoded.subarray(10))).toEqual({
    id: 'ab',
    n: -1,
  });
});

test('a value that does not fit is refused by the name of its field, without the value', () => {
  const encode = createSingleObjectEncoder(EXAMPLE);
  expect(() => encode({ id: 7, n: 'secret' })).toThrow(
    /^persona\.v1\.Example\.(id|n) does not fit the schema$/,
  );
  expect(() => encode({ n: null })).toThrow('persona.v1.Example.id does not fit the schema');
});

describe('a decoder', () => {
  const OTHER = { ...EXAMPLE, name: 'Other', fields: [{ name: 'at', type: 'long' }] };
  const encoded = createSingleObjectEncoder(EXAMPLE)({ id: 'ab', n: -1 });
  const decode = createSingleObjectDecoder([OTHER, EXAMPLE]);
  const failureOf = (bytes: Uint8Array, known = decode) => {
    try {
      known(bytes);
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test('decodes a value with the schema whose fingerprint it has', () => {
    expect(decode(encoded)).toEqual({ name: 'persona.v1.Example', value: { id: 'ab', n: -1 } });
    const other = createSingleObjectEncoder(OTHER)({ at: 7 });
    expect(decode(other)).toEqual({ name: 'persona.v1.Other', value: { at: 7 } });
    // A part of a larger buffer, as clients of brokers hand it over.
    const within = Buffer.concat([Buffer.alloc(3), encoded, Buffer.alloc(3)]);
    expect(decode(within.subarray(3, -3)).value).toEqual({ id: 'ab', n: -1 });
  });

  test('names the schema that it does not know', () => {
    const failure = failureOf(encoded, createSingleObjectDecoder([OTHER]));
    expect(failure).toBeInstanceOf(NotDecodable);
    expect(failure).toMatchObject({ otherSchema: fingerprint(EXAMPLE).toString(16).padStart(16, '0') });
  });

  test.each([
    ['empty', Buffer.alloc(0)],
    ['without the marker', Buffer.from('{"id":"ab","n":-1}')],
    ['cut off in the header', encoded.subarray(0, 9)],
    ['cut off in the value', encoded.subarray(0, -1)],
    ['followed by something else', Buffer.concat([encoded, Buffer.alloc(1)])],
  ])('refuses bytes that are %s', (_, bytes) => {
    const failure = failureOf(bytes);
    expect(failure).toBeInstanceOf(NotDecodable);
    expect(failure).toMatchObject({ otherSchema: undefined });
  });
});
