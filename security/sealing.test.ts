import { createSecretKey, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createBlindIndex } from './blind-index.ts';
import { DataKey } from './data-key.ts';
import { createKeyRing } from './key-ring.ts';
import { open, seal } from './sealing.ts';

const entry = (id: string) => ({ id, key: randomBytes(32) });
const context = { label: 'PaymentMethod', id: '1', field: 'token' };

test('the first key of a ring is the one for writing, and every key is found by its id', () => {
  const ring = createKeyRing([entry('b'), entry('a')]);
  expect(ring.first.id).toBe('b');
  expect(ring.find('a')?.secret.symmetricKeySize).toBe(32);
  expect(ring.find('c')).toBeUndefined();
});

test('a sealed value opens only with its key, in its place and unchanged', () => {
  const key = createSecretKey(randomBytes(32));
  const sealed = seal(key, 'pm_ünïcode', context);
  expect(sealed).not.toContain('pm_');
  expect(open(key, sealed, context).toString()).toBe('pm_ünïcode');
  expect(seal(key, 'pm_ünïcode', context)).not.toBe(sealed);
  expect(() => open(createSecretKey(randomBytes(32)), sealed, context)).toThrow();
  for (const other of [{ label: 'Device' }, { id: '2' }, { field: 'value' }]) {
    expect(() => open(key, sealed, { ...context, ...other })).toThrow();
  }
  const changed = Buffer.from(sealed.slice(3), 'base64');
  changed[14] = (changed[14] ?? 0) ^ 1;
  expect(() => open(key, `s1:${changed.toString('base64')}`, context)).toThrow();
  expect(() => open(key, 's1:AAAA', context)).toThrow(/truncated/);
  expect(() => open(key, 'pm_plain', context)).toThrow(/not sealed/);
});

test('a data key is unwrapped only for its owner, and also after the ring was rotated', () => {
  const old = entry('old');
  const owner = { label: 'CustomerKey', id: 'c1' } as const;
  const { key, wrapped } = DataKey.create(createKeyRing([old]), owner);
  const sealed = key.seal('+49151', 'DigitalIdentifier', 'i1', 'value');
  const rotated = createKeyRing([entry('new'), old]);
  expect(DataKey.unwrap(rotated, owner, wrapped).open(sealed, 'DigitalIdentifier', 'i1', 'value')).toBe(
    '+49151',
  );
  expect(() => DataKey.unwrap(rotated, { ...owner, id: 'c2' }, wrapped)).toThrow(/cannot be unsealed/);
  expect(() => DataKey.unwrap(createKeyRing([entry('new')]), owner, wrapped)).toThrow(/lacks the key old/);
});

test('a data key wrapped anew is the same key, readable with either ring, and during the change', () => {
  const [old, next] = [entry('old'), entry('new')];
  const owner = { label: 'DeviceKey', id: 'd1' } as const;
  const { key, wrapped } = DataKey.create(createKeyRing([old]), owner);
  const sealed = key.seal('fp', 'Device', 'd1', 'fingerprint');
  const both = createKeyRing([next, old]);
  const again = DataKey.rewrap(both, owner, wrapped);
  expect(again.key_id).toBe('new');
  const opens = (ring: ReturnType<typeof createKeyRing>, stored: typeof wrapped) =>
    DataKey.unwrap(ring, owner, stored).open(sealed, 'Device', 'd1', 'fingerprint');
  expect(opens(createKeyRing([next]), again)).toBe('fp');
  // Read while it is replaced: the id from before with the key from after, and the reverse.
  expect(opens(both, { ...again, key_id: 'old' })).toBe('fp');
  expect(opens(both, { ...wrapped, key_id: 'new' })).toBe('fp');
  expect(() => DataKey.rewrap(createKeyRing([next]), owner, wrapped)).toThrow(/lacks the key old/);
});

test('a value that a data key instance has sealed itself also opens only in its place', () => {
  const { key } = DataKey.create(createKeyRing([entry('1')]), { label: 'CustomerKey', id: 'c1' });
  const sealed = key.seal('+49151', 'DigitalIdentifier', 'i1', 'value');
  expect(key.open(sealed, 'DigitalIdentifier', 'i1', 'value')).toBe('+49151');
  for (const [label, id, field] of [
    ['Device', 'i1', 'value'],
    ['DigitalIdentifier', 'i2', 'value'],
    ['DigitalIdentifier', 'i1', 'token'],
  ] as const) {
    expect(() => key.open(sealed, label, id, field)).toThrow(/cannot be unsealed/);
  }
});

test('a blind index hashes with the first key and matches with all keys', () => {
  const old = entry('1');
  const before = createBlindIndex(createKeyRing([old]));
  const after = createBlindIndex(createKeyRing([entry('2'), old]));
  const hash = before.hash('email', 'a@b.example');
  expect(hash).toMatch(/^1:[0-9a-f]{64}$/);
  expect(after.hash('email', 'a@b.example')).toMatch(/^2:/);
  expect(after.hashes('email', 'a@b.example')).toContain(hash);
  expect(after.matches('email', 'a@b.example', hash)).toBe(true);
  expect(after.matches('email', 'b@b.example', hash)).toBe(false);
  expect(before.matches('email', 'a@b.example', after.hash('email', 'a@b.example'))).toBe(false);
  expect(before.hash('phone_number', 'a@b.example')).not.toBe(hash);
});
