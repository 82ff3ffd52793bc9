import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

export interface RingKey {
  readonly id: string;
  /** 32 bytes, for AES-256 and HMAC-SHA-256. A `KeyObject`, because each use of a raw buffer takes ten times as long. */
  readonly secret: KeyObject;
}

/** Keys by id: the first one is used for writing, all of them for reading. */
export interface KeyRing {
  readonly first: RingKey;
  readonly keys: readonly RingKey[];
  find(id: string): RingKey | undefined;
}

/** @param keys - at least one, each 32 bytes, with unique ids: already validated with the environment */
export function createKeyRing(keys: readonly { id: string; key: Buffer }[]): KeyRing {
  const ring = keys.map(({ id, key }): RingKey => ({ id, secret: createSecretKey(key) }));
  const [first] = ring;
  if (first === undefined) throw new Error('a key ring needs at least one key');
  return { first, keys: ring, find: (id) => ring.find((key) => key.id === id) };
}

/** Distinguishes two keys with the same id without revealing anything about them. */
export function keyCheckValue({ secret }: RingKey): string {
  return createHmac('sha256', secret).update('persona: which key is this').digest('hex').slice(0, 16);
}
