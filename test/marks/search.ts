/** Searches bytes for texts and keys in every encoding in which they could be hidden. */

import { createHash } from 'node:crypto';

/** A value that is searched for. */
export interface Needle {
  /** For the report. */
  name: string;
  /** Characteristic part of the value: random, and at least eight bytes long in every encoding. */
  core: string | Buffer;
  /** The complete values, of which a hash without a key would be found by trying. */
  wholes: readonly (string | Buffer)[];
}

export interface Finding {
  name: string;
  /** In which encoding. */
  encoding: string;
  /** What precedes and follows it. */
  excerpt: string;
}

interface Pattern {
  name: string;
  encoding: string;
  bytes: Buffer;
}

const MIN_PATTERN_BYTES = 8;
/**
 * A core this long is searched for by its halves: Neo4j stores a text of more than 120 bytes in records of 120, so that a
 * record may end within it, but not within both halves.
 */
const MIN_SPLIT_BYTES = 20;
const HASHES = ['sha256', 'sha1', 'md5'];
const HASH_BITS = 22;
const EXCERPT_BYTES = 60;

/** @returns a function that finds the needles in one buffer, each at most once per encoding */
export function createSearch(needles: readonly Needle[]): (haystack: Buffer) => Finding[] {
  const byPrefix = new Map<number, Pattern[]>();
  const isPrefix = new Uint8Array(1 << HASH_BITS);
  for (const pattern of needles.flatMap(patternsOf)) {
    const prefix = pattern.bytes.readUInt32BE(0);
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), pattern]);
    isPrefix[slotOf(prefix)] = 1;
  }
  return (haystack) => {
    const found = new Map<string, Finding>();
    let word = 0;
    for (let end = 0; end < haystack.length; end += 1) {
      word = ((word << 8) | (haystack[end] as number)) >>> 0;
      if (isPrefix[slotOf(word)] === 0) continue;
      const start = end - 3;
      for (const { name, encoding, bytes } of byPrefix.get(word) ?? []) {
        const key = `${name} ${encoding}`;
        if (start < 0 || found.has(key)) continue;
        if (haystack.compare(bytes, 0, bytes.length, start, Math.min(start + bytes.length, haystack.length)))
          continue;
        found.set(key, { name, encoding, excerpt: excerptOf(haystack, start, bytes.length) });
      }
    }
    return [...found.values()];
  };
}

function slotOf(word: number): number {
  return Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
}

function excerptOf(haystack: Buffer, start: number, length: number): string {
  const part = haystack.subarray(Math.max(0, start - EXCERPT_BYTES), start + length + EXCERPT_BYTES);
  return part.toString('latin1').replaceAll(/[^\x20-\x7e]+/g, '·');
}

function patternsOf({ name, core, wholes }: Needle): Pattern[] {
  const patterns = [
    ...halvesOf(core).flatMap(encodingsOf),
    ...(typeof core === 'string' && /^\+?\d+$/.test(core) ? shortStringEncodings(wholes[0] as string) : []),
    ...wholes.flatMap((whole) =>
      HASHES.flatMap((hash) =>
        halvesOf(createHash(hash).update(whole).digest())
          .flatMap(encodingsOf)
          .map(({ encoding, bytes }) => ({ encoding: `${hash} as ${encoding}`, bytes })),
      ),
    ),
  ];
  const short = patterns.find(({ bytes }) => bytes.length < MIN_PATTERN_BYTES);
  if (short !== undefined) throw new Error(`${name} is too short to be searched for as ${short.encoding}`);
  return patterns.map((pattern) => ({ name, ...pattern }));
}

function halvesOf<T extends string | Buffer>(core: T): T[] {
  if (core.length < MIN_SPLIT_BYTES) return [core];
  const middle = Math.floor(core.length / 2);
  return [core.slice(0, middle) as T, core.slice(middle) as T];
}

type Encoded = Pick<Pattern, 'encoding' | 'bytes'>;

function encodingsOf(part: string | Buffer): Encoded[] {
  if (Buffer.isBuffer(part)) return [{ encoding: 'plain', bytes: part }, ...binaryEncodings(part)];
  const texts = new Map<string, string>([[part, 'plain']]);
  const add = (text: string, encoding: string) => texts.has(text) || texts.set(text, encoding);
  add(part.toUpperCase(), 'upper case');
  add(part.toLowerCase(), 'lower case');
  add(encodeURIComponent(part), 'URL encoding');
  add(JSON.stringify(part).slice(1, -1), 'JSON');
  add(part.replaceAll('/', String.raw`\/`), 'JSON with escaped slashes');
  return [...texts].flatMap(([text, encoding]) => {
    const utf16 = Buffer.from(text, 'utf16le');
    return [
      { encoding, bytes: Buffer.from(text) },
      { encoding: `${encoding} in UTF-16LE`, bytes: utf16 },
      { encoding: `${encoding} in UTF-16BE`, bytes: Buffer.from(utf16).swap16() },
      ...(encoding === 'plain' ? binaryEncodings(Buffer.from(text)) : []),
    ];
  });
}

function binaryEncodings(bytes: Buffer): Encoded[] {
  const hex = bytes.toString('hex');
  const encoded = [
    { encoding: 'hex', bytes: Buffer.from(hex) },
    { encoding: 'HEX', bytes: Buffer.from(hex.toUpperCase()) },
  ];
  for (const offset of [0, 1, 2])
    for (const alphabet of ['base64', 'base64url'] as const)
      encoded.push({ encoding: alphabet, bytes: Buffer.from(base64Within(bytes, offset, alphabet)) });
  return encoded;
}

/** The characters that these bytes alone determine, if they begin `offset` bytes after a group of three. */
function base64Within(bytes: Buffer, offset: number, alphabet: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString(alphabet);
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

/**
 * Neo4j's record format keeps a short text (at most 54 characters) in the property's record itself, four bits for each
 * digit: after 39 bits of key, type, encoding and length, from the lowest bit of each 64-bit word. The first word, which
 * begins with the unknown key, is left out.
 */
function shortStringEncodings(text: string): Encoded[] {
  const DIGITS_FROM_BIT = 39n;
  const NIBBLES = "0123456789 .-+,'";
  let bits = 0n;
  for (const [index, character] of [...text].entries())
    bits |= BigInt(NIBBLES.indexOf(character)) << (DIGITS_FROM_BIT + 4n * BigInt(index));
  const word = Buffer.alloc(8);
  word.writeBigUInt64BE((bits >> 64n) & 0xffff_ffff_ffff_ffffn);
  return [
    { encoding: 'short string', bytes: Buffer.from(word) },
    { encoding: 'short string, little-endian', bytes: Buffer.from(word).reverse() },
  ];
}
