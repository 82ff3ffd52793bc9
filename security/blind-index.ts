import { createHmac } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';

/** The kind of a hashed value; part of the hash, so that equal values of two kinds have different hashes. */
export type BlindKind =
  | 'email'
  | 'phone_number'
  | 'token'
  | 'fingerprint'
  | 'address'
  | 'command'
  // Under PERSONA_ERASURE_KEY.
  | 'erased';

/** Keyed hashes by which encrypted values are looked up: `{key_id}:{HMAC-SHA-256 in hex}`. */
export interface BlindIndex {
  /** The id of the first key. */
  readonly firstKeyId: string;
  /** With the first key: what is written. */
  hash(kind: BlindKind, value: string): string;
  /** With every key, in the order of the ring: what is looked up, also during a key rotation. */
  hashes(kind: BlindKind, value: string): string[];
  /** Whether the hash is of this value; false also if the hash's key is no longer in the ring. */
  matches(kind: BlindKind, value: string, hash: string): boolean;
}

/** The id of the key with which a hash was made. */
export function keyIdOf(hash: string): string {
  return hash.slice(0, hash.lastIndexOf(':'));
}

/** @param ring - `PERSONA_BLIND_KEYS` */
export function createBlindIndex(ring: KeyRing): BlindIndex {
  const hashWith = (key: KeyRing['first'], kind: BlindKind, value: string) =>
    `${key.id}:${createHmac('sha256', key.secret).update(`${kind}\0${value}`).digest('hex')}`;
  return {
    firstKeyId: ring.first.id,
    hash: (kind, value) => hashWith(ring.first, kind, value),
    hashes: (kind, value) => ring.keys.map((key) => hashWith(key, kind, value)),
    matches(kind, value, hash) {
      const key = ring.find(keyIdOf(hash));
      return key !== undefined && hashWith(key, kind, value) === hash;
    },
  };
}
