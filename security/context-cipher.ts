/** Seals the contexts that leave the process for the cache that API processes share. */

import { createDerivedCipher, type DerivedCipher } from './derived-cipher.ts';
import type { KeyRing } from './key-ring.ts';

/** By customer. */
export type ContextCipher = DerivedCipher;

export const createContextCipher = (ring: KeyRing): ContextCipher =>
  createDerivedCipher(
    ring,
    (customerId) => `shared context of ${customerId}`,
    (customerId) => ({ label: 'Customer', id: customerId, field: 'context' }),
  );
