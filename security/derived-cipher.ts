import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';
import { open, type EncryptionContext, seal } from './sealing.ts';

export interface DerivedCipher {
  /** The id of the key, `:`, and the sealed text. */
  seal(id: string, text: string): string;
  /** @throws Error if it was sealed for another id or under an unknown key, or was changed */
  open(id: string, sealed: string): string;
}

/**
 * Seals texts that leave the graph. Each id has a key of its own, derived from the ring's: one key that seals thousands of
 * texts a second would soon exhaust its random nonces.
 * @param ring the first key seals, all of them open
 * @param purpose what is sealed, and for which id: texts of different purposes have different keys
 * @param place to which the text is bound
 */
export function createDerivedCipher(
  ring: KeyRing,
  purpose: (id: string) => string,
  place: (id: string) => EncryptionContext,
): DerivedCipher {
  const keyOf = (secret: KeyObject, id: string): KeyObject =>
    createSecretKey(
      createHmac('sha256', secret)
        .update(`persona: ${purpose(id)}`)
        .digest(),
    );
  return {
    seal: (id, text) => `${ring.first.id}:${seal(keyOf(ring.first.secret, id), text, place(id))}`,
    open(id, sealed) {
      const end = sealed.indexOf(':');
      const key = ring.find(sealed.slice(0, end));
      if (key === undefined) throw new Error(`${purpose(id)} is sealed under an unknown key`);
      return open(keyOf(key.secret, id), sealed.slice(end + 1), place(id)).toString();
    },
  };
}
