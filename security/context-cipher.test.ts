import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createContextCipher } from './context-cipher.ts';
import { createKeyRing } from './key-ring.ts';

const key = (id: string) => ({ id, key: randomBytes(32) });
const [old, current] = [key('k1'), key('k2')];
const cipher = createContextCipher(createKeyRing([current, old]));

test('a context is opened as it was sealed, also under an older key of the ring', () => {
  for (const written of [cipher, createContextCipher(createKeyRing([old]))]) {
    const sealed = written.seal('customer-1', '{"ltv":"1.50"}');
    expect(sealed).not.toContain('ltv');
    expect(cipher.open('customer-1', sealed)).toBe('{"ltv":"1.50"}');
  }
});

test('a context of another customer, of an unknown key or with a changed byte is not opened', () => {
  const sealed = cipher.seal('customer-1', 'text');
  expect(() => cipher.open('customer-2', sealed)).toThrow();
  expect(() => cipher.open('customer-1', sealed.replace('k2:', 'k3:'))).toThrow('unknown key');
  expect(() => cipher.open('customer-1', sealed.replace('k2:', 'k1:'))).toThrow();
  const [id, body] = sealed.split(':') as [string, string];
  const changed = Buffer.from(body, 'base64');
  changed[changed.length - 1]! ^= 1;
  expect(() => cipher.open('customer-1', `${id}:${changed.toString('base64')}`)).toThrow();
});
