import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { Marks, randomCore } from './marks.ts';
import { createSearch } from './search.ts';

const core = randomCore();
const whole = `Street ${core} 1`;
const search = createSearch([{ name: 'street1', core, wholes: [whole] }]);
const found = (haystack: Buffer | string) => search(Buffer.from(haystack)).length > 0;
const around = (text: string) => `before "${text}", after`;

const HIDDEN: [form: string, haystack: string | Buffer][] = [
  ['plain', around(core)],
  ['in upper case', around(core.toUpperCase())],
  ['UTF-16, little-endian', Buffer.from(around(core), 'utf16le')],
  ['UTF-16, big-endian', Buffer.from(around(core), 'utf16le').swap16()],
  ['hexadecimal', Buffer.from(around(core)).toString('hex')],
  ['hexadecimal in upper case', Buffer.from(around(core)).toString('hex').toUpperCase()],
  ...['', 'x', 'xx'].flatMap(
    (shift) =>
      [
        [`base64 after ${shift.length} bytes`, Buffer.from(shift + core).toString('base64')],
        [
          `base64url within a text, after ${shift.length} bytes`,
          Buffer.from(shift + around(core)).toString('base64url'),
        ],
      ] as [string, string][],
  ),
  ['its first half', around(core.slice(0, 12))],
  ['its second half', around(core.slice(12))],
  ...(['hex', 'base64', 'base64url'] as const).map(
    (form) =>
      [`SHA-256 of the whole as ${form}`, createHash('sha256').update(whole).digest(form)] as [
        string,
        string,
      ],
  ),
];
test.each(HIDDEN)('a mark is found %s', (_, haystack) => {
  expect(found(haystack)).toBe(true);
});

test('neither another mark nor a part of one is found', () => {
  expect(found(around(randomCore()))).toBe(false);
  expect(found(around(core.slice(0, 11)))).toBe(false);
  expect(found(createHash('sha256').update('another').digest('hex'))).toBe(false);
});

test('a key is found as bytes, in base64 and escaped', () => {
  const key = Buffer.from('fbfbef3e00ff80f1c7a5b3d1e2f40516fbfbef3e00ff80f1c7a5b3d1e2f40517', 'hex');
  const text = key.toString('base64');
  const searchKey = createSearch([
    { name: 'key', core: key, wholes: [key] },
    { name: 'text', core: text, wholes: [text] },
  ]);
  const names = (haystack: Buffer | string) => searchKey(Buffer.from(haystack)).map(({ name }) => name);
  expect(names(Buffer.concat([Buffer.from('x'), key]))).toContain('key');
  expect(names(text)).toEqual(expect.arrayContaining(['key', 'text']));
  expect(names(encodeURIComponent(text))).toContain('text');
  expect(names(text.replaceAll('/', String.raw`\/`))).toContain('text');
});

test('a value that is too short to be recognised is refused', () => {
  expect(() => createSearch([{ name: 'pin', core: '1234', wholes: ['1234'] }])).toThrow('pin is too short');
});

test('card numbers are drawn with their check digit', () => {
  const luhn = (number: string) =>
    [...number].reverse().reduce((sum, digit, index) => {
      const weighted = index % 2 === 1 ? Number(digit) * 2 : Number(digit);
      return sum + (weighted > 9 ? weighted - 9 : weighted);
    }, 0) % 10;
  const numbers = Array.from({ length: 50 }, () => new Marks().drawCardNumber());
  expect(numbers.filter((number) => number.length !== 16 || luhn(number) !== 0)).toEqual([]);
});
