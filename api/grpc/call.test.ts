import { expect, test } from 'vitest';
import { subjectOf } from './call.ts';

const ID = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';

test('a request is logged by its ids', () => {
  const ids = { customer_id: ID, transaction_id: 'order 17', payment_id: 'invoice-17', device_id: ID };
  expect(subjectOf(ids)).toEqual(ids);
});

test.each(['', 'ada@shop.example', 'x'.repeat(129), `${ID}\n`])(
  '%j in the place of an id is not logged',
  (text) => {
    const { transaction_id: _, ...ids } = subjectOf({ customer_id: text, payment_id: text, device_id: text });
    expect(ids).toEqual({});
  },
);
