import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { NONCE_BYTES, nextNonce } from './nonces.ts';

const ALGORITHM = 'aes-256-gcm';
const TAG_BYTES = 16;
/** Marks a sealed value, so that a plaintext in its place is detected. */
const PREFIX = 's1:';

/** The place that a sealed value belongs to: a ciphertext moved to another node or field cannot be opened. */
export interface EncryptionContext {
  readonly label: string;
  readonly id: string;
  readonly field: string;
}

/**
 * AES-256-GCM with the place as associated data: `s1:` and base64 of nonce ‖ ciphertext ‖ tag.
 * @param key - 32 bytes
 */
export function seal(key: KeyObject, plaintext: string | Buffer, context: EncryptionContext): string {
  const nonce = nextNonce();
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(associatedData(context));
  const body = [cipher.update(plaintext as string, 'utf8'), cipher.final()];
  return PREFIX + Buffer.concat([nonce, ...body, cipher.getAuthTag()]).toString('base64');
}

/** @throws Error if the value is not sealed, was sealed with another key or for another place, or was changed */
export function open(key: KeyObject, sealed: string, context: EncryptionContext): Buffer {
  if (!sealed.startsWith(PREFIX)) throw new Error(`${context.label}.${context.field} is not sealed`);
  const bytes = Buffer.from(sealed.slice(PREFIX.length), 'base64');
  if (bytes.length < NONCE_BYTES + TAG_BYTES)
    throw new Error(`${context.label}.${context.field} is truncated`);
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(associatedData(context))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}

function associatedData(context: EncryptionContext): Buffer {
  return Buffer.from(JSON.stringify([context.label, context.id, context.field]));
}
