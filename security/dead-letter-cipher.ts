/** Seals the records of other agents that could not be processed: they may hold personal data. */

import { createDerivedCipher, type DerivedCipher } from './derived-cipher.ts';
import type { KeyRing } from './key-ring.ts';

/** By dead letter. */
export type DeadLetterCipher = DerivedCipher;

export const createDeadLetterCipher = (ring: KeyRing): DeadLetterCipher =>
  createDerivedCipher(
    ring,
    (id) => `dead letter ${id}`,
    (id) => ({ label: 'DeadLetter', id, field: 'record' }),
  );
