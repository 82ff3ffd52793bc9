import { invalid } from '../domain/errors.ts';

/** AES-256 and HMAC-SHA-256 both take 32 bytes. */
const KEY_BYTES = 32;

export interface RingKey {
  readonly id: string;
  readonly bytes: Buffer;
}

/** Keys by id: the first one writes, all of them read. */
export interface KeyRing {
  readonly first: RingKey;
  readonly keys: readonly RingKey[];
  find(id: string): RingKey | undefined;
}

/**
 * Reads a key ring as it stands in the environment: `id:base64,id:base64,…`, each key 32 bytes.
 * @param name - the variable's name, for the message
 * @throws PersonaError invalid_argument; it names the entry by its place and never shows a key
 */
export function parseKeyRing(text: string, name: string): KeyRing {
  const keys = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry, index) => parseKey(entry, `${name}[${index}]`));
  if (keys.length === 0) {
    throw invalid([{ field: name, message: 'must hold at least one key, written id:base64 (32 bytes)' }]);
  }
  if (new Set(keys.map((key) => key.id)).size !== keys.length) {
    throw invalid([{ field: name, message: 'must not name the same key id twice' }]);
  }
  return createKeyRing(keys.map(({ id, bytes }) => ({ id, key: bytes })));
}

/** @param keys - at least one, each 32 bytes, no id twice: as the environment has checked them */
export function createKeyRing(keys: readonly { id: string; key: Buffer }[]): KeyRing {
  const ring = keys.map(({ id, key }): RingKey => ({ id, bytes: key }));
  const [first] = ring;
  if (first === undefined) throw new Error('a key ring needs at least one key');
  return { first, keys: ring, find: (id) => ring.find((key) => key.id === id) };
}

function parseKey(entry: string, field: string): RingKey {
  const [, id, base64] = /^([A-Za-z0-9._-]{1,32}):([A-Za-z0-9+/_-]+={0,2})$/.exec(entry) ?? [];
  if (id === undefined || base64 === undefined) {
    throw invalid([{ field, message: 'must be written id:base64' }]);
  }
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== KEY_BYTES) {
    throw invalid([{ field, message: `must be ${KEY_BYTES} bytes in base64, is ${bytes.length}` }]);
  }
  return { id, bytes };
}
