import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

export interface RingKey {
  readonly id: string;
  /** 32 bytes: AES-256 and HMAC-SHA-256 both take as many. Ready for use: from a buffer each use takes ten times as long. */
  readonly secret: KeyObject;
}

/** Keys by id: the first one writes, all of them read. */
export interface KeyRing {
  readonly first: RingKey;
  readonly keys: readonly RingKey[];
  find(id: string): RingKey | undefined;
}

/** @param keys - at least one, each 32 bytes, no id twice: the environment has been checked for that */
export function createKeyRing(keys: readonly { id: string; key: Buffer }[]): KeyRing {
  const ring = keys.map(({ id, key }): RingKey => ({ id, secret: createSecretKey(key) }));
  const [first] = ring;
  if (first === undefined) throw new Error('a key ring needs at least one key');
  return { first, keys: ring, find: (id) => ring.find((key) => key.id === id) };
}

/** Tells two keys of one id apart, and says nothing of either. */
export function keyCheckValue({ secret }: RingKey): string {
  return createHmac('sha256', secret).update('persona: which key is this').digest('hex').slice(0, 16);
}
