/** Sealed values, opened with every key that there is. */

import { createDecipheriv, createSecretKey } from 'node:crypto';
import { NONCE_BYTES } from '../../security/nonces.ts';
import { open } from '../../security/sealing.ts';
import type { MarkedSystem } from './system.ts';

const SEALED = /s1:([A-Za-z0-9+/]{38,}={0,2})/g;
const TAG_BYTES = 16;

interface OwnedKey {
  label: 'CustomerKey' | 'DeviceKey';
  /** The customer or the device. */
  id: string;
  key: Buffer;
}

/** The keys of customers and devices, which only the ring's key opens. */
export async function readDataKeys({ graph, persona }: MarkedSystem): Promise<OwnedKey[]> {
  const secret = createSecretKey(ringKeyOf(persona.env));
  const rows = await graph.read<Pick<OwnedKey, 'label' | 'id'> & { wrapped: string }>(
    `MATCH (k:CustomerKey|DeviceKey)
     RETURN labels(k)[0] AS label, coalesce(k.customer_id, k.device_id) AS id, k.wrapped AS wrapped`,
  );
  return rows.map(({ label, id, wrapped }) => ({
    label,
    id,
    key: open(secret, wrapped, { label, id, field: 'key' }),
  }));
}

/** The first key of `PERSONA_KEYS`. */
export function ringKeyOf(env: MarkedSystem['persona']['env']): Buffer {
  const [, text = ''] = /^[^:]+:([^,]+)/.exec(env.PERSONA_KEYS ?? '') ?? [];
  return Buffer.from(text, 'base64');
}

/**
 * What the keys make of every sealed value within a content, also of those that are sealed twice. Neither the value's place
 * nor its tag is checked: a key that opens a value does so wherever the value was moved to.
 */
export function openWithAll(content: Buffer, keys: readonly Buffer[]): Buffer {
  const opened: Buffer[] = [];
  const waiting = [content.toString('latin1')];
  for (const text of waiting)
    for (const [, body = ''] of text.matchAll(SEALED)) {
      const bytes = Buffer.from(body, 'base64');
      for (const key of keys) {
        const plain = decrypt(key, bytes);
        opened.push(plain, Buffer.from('\n'));
        if (plain.includes('s1:')) waiting.push(plain.toString('latin1'));
      }
    }
  return Buffer.concat(opened);
}

function decrypt(key: Buffer, sealed: Buffer): Buffer {
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), options);
  return decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
}
