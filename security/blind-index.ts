import { createHmac } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';

/** What is hashed; part of the hash, so that equal values of two kinds do not look equal. */
export type BlindKind = 'email' | 'phone_number' | 'token' | 'fingerprint' | 'address' | 'command';

/** Keyed hashes that find an encrypted value: `{key_id}:{HMAC-SHA-256 in hex}`. */
export interface BlindIndex {
  /** Under the first key: what is written. */
  hash(kind: BlindKind, value: string): string;
  /** Under every key, the first one first: what is looked up while a key is being replaced. */
  hashes(kind: BlindKind, value: string): string[];
  /** Is this the value behind the hash? False also when the hash's key is gone. */
  matches(kind: BlindKind, value: string, hash: string): boolean;
}

/** @param ring - `PERSONA_BLIND_KEYS` */
export function createBlindIndex(ring: KeyRing): BlindIndex {
  const hashWith = (key: KeyRing['first'], kind: BlindKind, value: string) =>
    `${key.id}:${createHmac('sha256', key.secret).update(`${kind}\0${value}`).digest('hex')}`;
  return {
    hash: (kind, value) => hashWith(ring.first, kind, value),
    hashes: (kind, value) => ring.keys.map((key) => hashWith(key, kind, value)),
    matches(kind, value, hash) {
      const key = ring.find(hash.slice(0, hash.lastIndexOf(':')));
      return key !== undefined && hashWith(key, kind, value) === hash;
    },
  };
}
