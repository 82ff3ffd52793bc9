/** Seals the contexts that leave the process for the cache that API processes share. */

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';
import { open, seal } from './sealing.ts';

export interface ContextCipher {
  /** The id of the key, `:`, and the sealed text. */
  seal(customerId: string, text: string): string;
  /** @throws Error if it was sealed for another customer or under an unknown key, or was changed */
  open(customerId: string, sealed: string): string;
}

/**
 * Each customer has a key of their own, derived from the ring's: a cache that writes thousands of times a second would soon
 * exhaust the random nonces of one key.
 * @param ring the first key seals, all of them open
 */
export function createContextCipher(ring: KeyRing): ContextCipher {
  return {
    seal: (customerId, text) =>
      `${ring.first.id}:${seal(deriveKey(ring.first.secret, customerId), text, place(customerId))}`,
    open(customerId, sealed) {
      const end = sealed.indexOf(':');
      const key = ring.find(sealed.slice(0, end));
      if (key === undefined) throw new Error('a cached context is sealed under an unknown key');
      return open(deriveKey(key.secret, customerId), sealed.slice(end + 1), place(customerId)).toString();
    },
  };
}

function deriveKey(secret: KeyObject, customerId: string): KeyObject {
  return createSecretKey(
    createHmac('sha256', secret).update(`persona: shared context of ${customerId}`).digest(),
  );
}

const place = (id: string) => ({ label: 'Customer', id, field: 'context' });
