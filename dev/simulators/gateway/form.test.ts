import { expect, test } from 'vitest';
import { parseForm } from './form.ts';

/** Converts the result, which has no prototypes, to ordinary objects. */
const read = (text: string) => JSON.parse(JSON.stringify(parseForm(text))) as unknown;

test('nested names and both notations of lists are parsed', () => {
  expect(read('card[exp_month]=1&metadata[payment_id]=a%26b&types[0]=card&types[1]=link&expand[]=x')).toEqual(
    {
      card: { exp_month: '1' },
      metadata: { payment_id: 'a&b' },
      types: ['card', 'link'],
      expand: ['x'],
    },
  );
  expect(read('expand[]=a&expand[]=b&amount=1&amount=2')).toEqual({ expand: ['a', 'b'], amount: '2' });
  expect(read('')).toEqual({});
});

test('__proto__ and constructor are ordinary keys', () => {
  parseForm('__proto__[polluted]=yes&constructor[prototype][polluted]=yes');
  expect(({} as { polluted?: string }).polluted).toBeUndefined();
});
