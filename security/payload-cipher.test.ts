import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createPayloadCipher } from './payload-cipher.ts';

const key = (id: string) => ({ id, key: randomBytes(32) });
const plain = new TextEncoder().encode('what nobody else may read');

test('opens what it sealed, and never seals the same way twice', () => {
  const cipher = createPayloadCipher([key('a')]);
  const first = cipher.seal(plain);
  const second = cipher.seal(plain);

  expect(Buffer.from(cipher.open(first))).toEqual(Buffer.from(plain));
  expect(Buffer.from(first.data)).not.toEqual(Buffer.from(second.data));
  expect(Buffer.from(first.data).includes(Buffer.from(plain))).toBe(false);
});

test('is laid out as 12-byte nonce, ciphertext, 16-byte tag', async () => {
  const own = key('a');
  const { data } = createPayloadCipher([own]).seal(plain);
  expect(data.length).toBe(12 + plain.length + 16);

  // Another implementation of AES-GCM, which expects the tag behind the ciphertext, reads it.
  const webKey = await crypto.subtle.importKey('raw', own.key, 'AES-GCM', false, ['decrypt']);
  const opened = await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: data.slice(0, 12) },
    webKey,
    data.slice(12),
  );
  expect(Buffer.from(opened)).toEqual(Buffer.from(plain));
});

test('refuses what was changed anywhere, cut short, or sealed with another key of that name', () => {
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

test('after a rotation the new key writes and the old one still reads', () => {
  const old = key('2025');
  const next = key('2026');
  const written = createPayloadCipher([old]).seal(plain);
  const rotated = createPayloadCipher([next, old]);

  expect(Buffer.from(rotated.open(written))).toEqual(Buffer.from(plain));
  expect(rotated.seal(plain).keyId).toBe('2026');
  expect(() => createPayloadCipher([next]).open(written)).toThrow(/'2025'.*TEMPORAL_CODEC_KEYS/);
});

test('names what is wrong with the keys', () => {
  expect(() => createPayloadCipher([])).toThrow(/TEMPORAL_CODEC_KEYS/);
  expect(() => createPayloadCipher([{ id: 'short', key: randomBytes(16) }])).toThrow(/'short' has 16 bytes/);
  expect(() => createPayloadCipher([key('a'), key('a')])).toThrow(/'a' twice/);
});
