import { expect, test } from 'vitest';
import { maskBytes, maskCardNumbers, maskFields } from './mask.ts';

test('every card number in a text is masked, with its separators in place, and nothing else', () => {
  expect(maskCardNumbers('4242 4242 4242 4242 declined, then 5555-5555-5555-4444 for 1250')).toBe(
    '**** **** **** **** declined, then ****-****-****-**** for 1250',
  );
});

test('in fields, ids stay as they are', () => {
  const fields = {
    event_id: '4242424242424242',
    reason: 'card 4242424242424242',
    amount: 4242424242424242,
    note: null,
  };
  expect(maskFields(fields)).toEqual({
    ...{ event_id: '4242424242424242', reason: 'card ****************', amount: 0, note: null },
  });
});

test.each([
  ['bytes that are no text', [0xff, 0xe9], [0xe9, 0x00]],
  ['a length that looks like a digit', [0x32], [0x20, 0x64]],
])('between %s a number is masked, and they are unchanged', (_, before, after) => {
  const around = (digits: string) => Buffer.from([...before, ...Buffer.from(digits), ...after]);
  const bytes = around('4242424242424242');
  expect(Buffer.from(maskBytes(bytes))).toEqual(around('*'.repeat(16)));
  expect(bytes).toEqual(around('4242424242424242'));
});
