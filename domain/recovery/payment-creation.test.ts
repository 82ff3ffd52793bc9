import { expect, test } from 'vitest';
import type { ChargeOrder, GatewayPayment } from '../ports.ts';
import { reuseExistingPayment } from './payment-creation.ts';

const order = {
  key: 'recovery:invoice-1:card-a:1',
  payment_id: 'invoice-1',
  token: 'pm_a',
  amount: 4900,
  currency: 'USD',
} as ChargeOrder;
const payment = (changes: Partial<GatewayPayment> = {}): GatewayPayment => ({
  gateway_ref: 'pi_1',
  state: 'succeeded',
  payment_id: 'invoice-1',
  token: 'pm_a',
  charge_ref: 'ch_1',
  amount: 4900,
  currency: 'USD',
  ...changes,
});
const refs = { gateway_ref: 'pi_1', charge_ref: 'ch_1' };

test.each<[string, GatewayPayment[], ReturnType<typeof reuseExistingPayment>]>([
  ['nothing', [], undefined],
  ['payments of other obligations', [payment({ payment_id: 'invoice-0' })], undefined],
  ['a cancelled one', [payment({ state: 'cancelled' })], undefined],
  ['one that succeeded', [payment()], { result: 'approved', ...refs }],
  [
    'one that another method paid',
    [payment({ token: 'pm_b' })],
    { result: 'approved', ...refs, charged_token: 'pm_b' },
  ],
  [
    'one whose money came back',
    [payment({ came_back: 'refunded' })],
    {
      result: 'not_sent',
      reason: 'payment pi_1 had succeeded before and is refunded',
      cancelled: { gateway_ref: 'pi_1', came_back: 'refunded' },
    },
  ],
  ['one that is on its way', [payment({ state: 'processing' })], { result: 'pending', ...refs }],
  ['one that was declined', [payment({ state: 'payable' })], { confirm: 'pi_1' }],
  [
    'a declined one and one that succeeded',
    [payment({ gateway_ref: 'pi_2', state: 'payable' }), payment()],
    { result: 'approved', ...refs },
  ],
])('with %s at the gateway', (_, payments, instead) => {
  expect(reuseExistingPayment(payments, order)).toEqual(instead);
});

test('one whose money came back is passed over once a person lets it be collected again', () => {
  const again = { ...order, collect_again: true } as const;
  expect(reuseExistingPayment([payment({ came_back: 'refunded' })], again)).toBeUndefined();
  expect(reuseExistingPayment([payment()], again)).toMatchObject({ result: 'approved' });
});

test.each([{ amount: 100 }, { currency: 'EUR' }])(
  'one of this name with %j is left to a person',
  (changes) => {
    expect(reuseExistingPayment([payment(changes)], order)).toMatchObject({
      result: 'not_sent',
      review: 'gateway_payment_not_ours',
    });
  },
);

test('one that was withdrawn since it is owed is left to a person, until that person lets it go on', () => {
  const opened_at = Date.UTC(2026, 10, 21);
  const withdrawn = { because: 'duplicate', created_at: opened_at };
  const cancelled = payment({ state: 'cancelled', withdrawn });
  const owed = { ...order, opened_at };
  expect(reuseExistingPayment([cancelled], owed)).toEqual({
    result: 'not_sent',
    reason: 'payment pi_1 was cancelled as duplicate',
    cancelled: { gateway_ref: 'pi_1', because: 'duplicate' },
  });
  expect(reuseExistingPayment([cancelled], { ...owed, collect_again: true })).toBeUndefined();
  // The gateway's clock may be behind ours; an earlier opening is another matter.
  expect(reuseExistingPayment([cancelled], { ...owed, opened_at: opened_at + 20_000 })).toBeDefined();
  expect(reuseExistingPayment([cancelled], { ...owed, opened_at: opened_at + 60_000 })).toBeUndefined();
  // Another that can still be paid is the one to be paid.
  const open = payment({ gateway_ref: 'pi_2', state: 'payable' });
  expect(reuseExistingPayment([cancelled, open], owed)).toEqual({ confirm: 'pi_2' });
});
