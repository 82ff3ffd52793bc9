import { createSecretKey, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { seal } from '../../security/sealing.ts';
import { openWithAll } from './sealed.ts';

const PLACE = { label: 'Customer', id: '1', field: 'email' };
const [first, second, other] = [randomBytes(32), randomBytes(32), randomBytes(32)];
const sealed = seal(createSecretKey(first), '"ada@shop.example"', PLACE);
const opened = (content: string, ...keys: Buffer[]) => openWithAll(Buffer.from(content), keys).toString();

test('a sealed value is opened wherever it lies, by its own key alone', () => {
  const content = `\0\u0001{"data":"{\\"email\\":\\"${sealed}\\"}"}`;
  expect(opened(content, other, first)).toContain('ada@shop.example');
  expect(opened(content, other, second)).not.toContain('ada');
});

test('a value that is sealed twice is opened twice', () => {
  const twice = seal(createSecretKey(second), JSON.stringify({ email: sealed }), PLACE);
  expect(opened(twice, first, second)).toContain('ada@shop.example');
  expect(opened(twice, second)).not.toContain('ada');
});
