export interface RingKey {
  readonly id: string;
  /** 32 of them: AES-256 and HMAC-SHA-256 both take as many. */
  readonly bytes: Buffer;
}

/** Keys by id: the first one writes, all of them read. */
export interface KeyRing {
  readonly first: RingKey;
  readonly keys: readonly RingKey[];
  find(id: string): RingKey | undefined;
}

/** @param keys - at least one, each 32 bytes, no id twice: the environment has been checked for that */
export function createKeyRing(keys: readonly { id: string; key: Buffer }[]): KeyRing {
  const ring = keys.map(({ id, key }): RingKey => ({ id, bytes: key }));
  const [first] = ring;
  if (first === undefined) throw new Error('a key ring needs at least one key');
  return { first, keys: ring, find: (id) => ring.find((key) => key.id === id) };
}
