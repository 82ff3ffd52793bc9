import { randomFillSync } from 'node:crypto';

/** The nonce length of AES-GCM. */
export const NONCE_BYTES = 12;
/** Nonces per system call: one call takes as long as half an encryption, regardless of the number of bytes. */
const POOL_SIZE = 256;

const pool = Buffer.allocUnsafeSlow(POOL_SIZE * NONCE_BYTES);
let next = pool.length;

/** Random bytes that were never returned before. Nonces are not secret: they are stored with the sealed value. */
export function nextNonce(): Buffer {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const nonce = Buffer.from(pool.subarray(next, next + NONCE_BYTES));
  next += NONCE_BYTES;
  return nonce;
}
