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
  ['a cancelled payment', [payment({ state: 'cancelled' })], undefined],
  ['a succeeded payment', [payment()], { result: 'approved', ...refs }],
  [
    'a payment with another method',
    [payment({ token: 'pm_b' })],
    { result: 'approved', ...refs, charged_token: 'pm_b' },
  ],
  [
    'a reversed payment',
    [payment({ reversal: 'refunded' })],
    {
      result: 'not_sent',
      reason: 'payment pi_1 had succeeded before and is refunded',
      cancelled: { gateway_ref: 'pi_1', reversal: 'refunded' },
    },
  ],
  ['a processing payment', [payment({ state: 'processing' })], { result: 'pending', ...refs }],
  ['a declined payment', [payment({ state: 'payable' })], { confirm: 'pi_1' }],
  [
    'a declined and a succeeded payment',
    [payment({ gateway_ref: 'pi_2', state: 'payable' }), payment()],
    { result: 'approved', ...refs },
  ],
  [
    'a reversed and a succeeded payment',
    [payment({ gateway_ref: 'pi_2', reversal: 'refunded' }), payment()],
    { result: 'approved', ...refs },
  ],
  [
    'a declined and a reversed payment',
    [payment({ gateway_ref: 'pi_2', state: 'payable' }), payment({ reversal: 'refunded' })],
    {
      result: 'not_sent',
      reason: 'payment pi_1 had succeeded before and is refunded',
      cancelled: { gateway_ref: 'pi_1', reversal: 'refunded' },
    },
  ],
  [
    'a declined and a processing payment',
    [payment({ gateway_ref: 'pi_2', state: 'payable' }), payment({ state: 'processing' })],
    { result: 'pending', ...refs },
  ],
  [
    'a processing payment without a charge',
    [payment({ state: 'processing', charge_ref: undefined })],
    { result: 'pending', gateway_ref: 'pi_1' },
  ],
  [
    'a succeeded payment whose method it does not name',
    [payment({ token: undefined })],
    { result: 'approved', ...refs },
  ],
])('the gateway has %s', (_, payments, instead) => {
  expect(reuseExistingPayment(payments, order)).toStrictEqual(instead);
});

test('a reversed payment is ignored once an operator allows collection', () => {
  const again = { ...order, collect_again: true } as const;
  expect(reuseExistingPayment([payment({ reversal: 'refunded' })], again)).toBeUndefined();
  expect(reuseExistingPayment([payment()], again)).toMatchObject({ result: 'approved' });
});

test.each([{ amount: 100 }, { currency: 'EUR' }])(
  'a payment with this payment id and %j is left to an operator',
  (changes) => {
    expect(reuseExistingPayment([payment(changes)], order)).toMatchObject({
      result: 'not_sent',
      review: 'gateway_payment_not_ours',
    });
  },
);

test('a payment withdrawn since the opening is left to an operator until collection is allowed', () => {
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
  // The gateway's clock may lag behind Persona's; a withdrawal before the opening does not count.
  expect(reuseExistingPayment([cancelled], { ...owed, opened_at: opened_at + 20_000 })).toBeDefined();
  expect(reuseExistingPayment([cancelled], { ...owed, opened_at: opened_at + 60_000 })).toBeUndefined();
  expect(reuseExistingPayment([cancelled], { ...owed, opened_at: opened_at + 30_000 })).toBeDefined();
  expect(reuseExistingPayment([cancelled], { ...owed, opened_at: opened_at + 30_001 })).toBeUndefined();
  expect(reuseExistingPayment([cancelled], order)).toBeUndefined();
  const ofAnother = payment({ state: 'cancelled', payment_id: 'invoice-0', withdrawn });
  expect(reuseExistingPayment([ofAnother], owed)).toBeUndefined();
  // Another payment that can still be paid is confirmed.
  const open = payment({ gateway_ref: 'pi_2', state: 'payable' });
  expect(reuseExistingPayment([cancelled, open], owed)).toEqual({ confirm: 'pi_2' });
});
