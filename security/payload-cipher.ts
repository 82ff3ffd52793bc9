/**
 * The cipher under Temporal's payload codec (docs/reference/security.md, 'Temporal payloads'): AES-256-GCM,
 * a sealed value is 12-byte nonce ‖ ciphertext ‖ 16-byte tag. Temporal's encryption samples use this layout in every
 * language, so another agent's client can open these payloads with the same key.
 */

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { NONCE_BYTES, nextNonce } from './nonces.ts';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const TAG_BYTES = 16;

export interface PayloadKey {
  /** Stored in plain text with each payload, so that old payloads find their key after a rotation. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export interface SealedPayload {
  readonly keyId: string;
  readonly data: Uint8Array;
}

export interface PayloadCipher {
  /** Seals with the first key. */
  seal(plain: Uint8Array): SealedPayload;
  /** @throws Error if the key is unknown, or the data was changed, truncated or sealed with another key of that id */
  open(sealed: SealedPayload): Uint8Array;
}

/**
 * @param keys the first one seals, all of them open
 * @throws Error if there are none, two share an id, or one is not 32 bytes long
 */
export function createPayloadCipher(keys: readonly PayloadKey[]): PayloadCipher {
  const [writer] = keys;
  if (writer === undefined)
    throw new Error('The payload codec requires at least one key (TEMPORAL_CODEC_KEYS)');
  const byId = new Map<string, KeyObject>();
  for (const { id, key } of keys) {
    if (byId.has(id)) throw new Error(`TEMPORAL_CODEC_KEYS names the key '${id}' twice`);
    if (key.length !== KEY_BYTES)
      throw new Error(`TEMPORAL_CODEC_KEYS: key '${id}' has ${key.length} bytes instead of ${KEY_BYTES}`);
    byId.set(id, createSecretKey(key));
  }

  const writerKey = createSecretKey(writer.key);
  return {
    seal(plain) {
      const nonce = nextNonce();
      const cipher = createCipheriv(ALGORITHM, writerKey, nonce);
      const data = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return { keyId: writer.id, data };
    },
    open({ keyId, data }) {
      const key = byId.get(keyId);
      if (key === undefined)
        throw new Error(`A payload is sealed with the key '${keyId}', which TEMPORAL_CODEC_KEYS lacks`);
      if (data.length < NONCE_BYTES + TAG_BYTES) throw new Error('A sealed payload is truncated');
      const decipher = createDecipheriv(ALGORITHM, key, data.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAuthTag(data.subarray(data.length - TAG_BYTES));
      const plain = decipher.update(data.subarray(NONCE_BYTES, data.length - TAG_BYTES));
      return Buffer.concat([plain, decipher.final()]);
    },
  };
}
