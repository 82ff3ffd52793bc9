import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createPayloadCipher } from './payload-cipher.ts';

const key = (id: string) => ({ id, key: randomBytes(32) });
const plain = new TextEncoder().encode('confidential content');

test('opens what it sealed, and never produces the same ciphertext twice', () => {
  const cipher = createPayloadCipher([key('a')]);
  const first = cipher.seal(plain);
  const second = cipher.seal(plain);

  expect(Buffer.from(cipher.open(first))).toEqual(Buffer.from(plain));
  expect(Buffer.from(first.data)).not.toEqual(Buffer.from(second.data));
  expect(Buffer.from(first.data).includes(Buffer.from(plain))).toBe(false);
});

test('a sealed payload consists of a 12-byte nonce, the ciphertext and a 16-byte tag', async () => {
  const own = key('a');
  const { data } = createPayloadCipher([own]).seal(plain);
  expect(data.length).toBe(12 + plain.length + 16);

  // Read by another implementation of AES-GCM, which expects the tag after the ciphertext.
  const webKey = await crypto.subtle.importKey('raw', own.key, 'AES-GCM', false, ['decrypt']);
  const opened = await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: data.slice(0, 12) },
    webKey,
    data.slice(12),
  );
  expect(Buffer.from(opened)).toEqual(Buffer.from(plain));
});

test('refuses a payload that was changed, truncated or sealed with another key of that id', () => {
  const cipher = createPayloadCipher([key('a')]);
  const sealed = cipher.seal(plain);
  for (const at of [0, 11, 12, sealed.data.length - 17, sealed.data.length - 16, sealed.data.length - 1]) {
    const changed = Uint8Array.from(sealed.data);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => cipher.open({ ...sealed, data: changed }), `byte ${at}`).toThrow();
  }
  for (const length of [0, 12, 27, sealed.data.length - 1]) {
    expect(() => cipher.open({ ...sealed, data: sealed.data.subarray(0, length) })).toThrow();
  }
  expect(() => createPayloadCipher([key('a')]).open(sealed)).toThrow();
});

test('after a rotation the new key seals and the old one still opens', () => {
  const old = key('2025');
  const next = key('2026');
  const written = createPayloadCipher([old]).seal(plain);
  const rotated = createPayloadCipher([next, old]);

  expect(Buffer.from(rotated.open(written))).toEqual(Buffer.from(plain));
  expect(rotated.seal(plain).keyId).toBe('2026');
  expect(() => createPayloadCipher([next]).open(written)).toThrow(/'2025'.*TEMPORAL_CODEC_KEYS/);
});

test('invalid keys are reported with the reason', () => {
  expect(() => createPayloadCipher([])).toThrow(/TEMPORAL_CODEC_KEYS/);
  expect(() => createPayloadCipher([{ id: 'short', key: randomBytes(16) }])).toThrow(/'short' has 16 bytes/);
  expect(() => createPayloadCipher([key('a'), key('a')])).toThrow(/'a' twice/);
});
