import { expect, test } from 'vitest';
import { maskCardNumbers } from './mask.ts';

const mask = (text: string) => Buffer.from(maskCardNumbers(Buffer.from(text))).toString();

test('every card number is masked, with its separators in place, and nothing else', () => {
  expect(mask('{"reason":"4242 4242 4242 4242 declined","note":"5555-5555-5555-4444","amount":1250}')).toBe(
    '{"reason":"**** **** **** **** declined","note":"****-****-****-****","amount":1250}',
  );
});

test('a number among bytes that are no text is masked, and they are unchanged', () => {
  const bytes = Buffer.concat([
    Buffer.from([0xc3, 0x01, 0xff, 0x20]),
    Buffer.from('4242424242424242'),
    Buffer.from([0xe9, 0x00]),
  ]);
  expect(Buffer.from(maskCardNumbers(bytes))).toEqual(
    Buffer.concat([
      Buffer.from([0xc3, 0x01, 0xff, 0x20]),
      Buffer.from('*'.repeat(16)),
      Buffer.from([0xe9, 0x00]),
    ]),
  );
  expect(bytes.toString('latin1')).toContain('4242');
});
