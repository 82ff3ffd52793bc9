import { randomFillSync } from 'node:crypto';

/** What AES-GCM takes. */
export const NONCE_BYTES = 12;
/** The system is asked for so many at once: asking takes as long as half an encryption, whatever it is asked for. */
const POOL_SIZE = 256;

const pool = Buffer.allocUnsafeSlow(POOL_SIZE * NONCE_BYTES);
let next = pool.length;

/** Random bytes that were never given before. Nonces are no secret: they travel with what they seal. */
export function nextNonce(): Buffer {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const nonce = Buffer.from(pool.subarray(next, next + NONCE_BYTES));
  next += NONCE_BYTES;
  return nonce;
}
