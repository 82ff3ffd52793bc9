import { expect, test } from 'vitest';
import { addressKey } from './address.ts';

const home = { street1: '1 Main St.', city: 'São Paulo', zip_code: '01310-100', country: 'BR' };

test('case, spaces and punctuation do not make a different address', () => {
  const same = {
    street1: ' 1  main st',
    city: 'SÃO PAULO',
    zip_code: '01310 100',
    country: 'br',
    street2: '',
  };
  expect(addressKey(same)).toBe(addressKey(home));
});

test.each([
  { street1: '2 Main St.' },
  { street2: 'Flat 2' },
  { zip_code: '01310-101' },
  { city: 'Santos' },
  { country: 'PT' },
])('%o makes a different address', (change) => {
  expect(addressKey({ ...home, ...change })).not.toBe(addressKey(home));
});

test('the text of one line does not run over into the next', () => {
  const split = { street1: 'Main', street2: 'St 1', city: 'A', zip_code: '1', country: 'US' };
  expect(addressKey({ ...split, street1: 'Main St', street2: '1' })).not.toBe(addressKey(split));
});
