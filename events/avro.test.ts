import avro from 'avsc';
import { describe, expect, test } from 'vitest';
import { createSingleObjectEncoder, fingerprint } from './avro.ts';

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
