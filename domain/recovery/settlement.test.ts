import { expect, test } from 'vitest';
import type { GatewayPayment } from '../ports.ts';
import { evidenceOf, type ExpectedPayment, outranksSettlementReview } from './settlement.ts';

const expected: ExpectedPayment = {
  payment_id: 'invoice-1',
  amount: 4900,
  currency: 'USD',
  gateway_ref: 'pi_own',
  gateway_customer_ref: 'cus_1',
  opened_at: '2026-11-20T12:00:00Z',
};
const lastMonth = Date.parse('2026-10-20T12:00:00Z');
const payment = (changes: Partial<GatewayPayment> = {}): GatewayPayment => ({
  gateway_ref: 'pi_theirs',
  state: 'succeeded',
  gateway_customer_ref: 'cus_1',
  amount: 4900,
  currency: 'USD',
  ...changes,
});
const without = (name: keyof GatewayPayment, changes: Partial<GatewayPayment> = {}) => {
  const { [name]: _, ...rest } = payment(changes);
  return rest as GatewayPayment;
};

test.each<[string, GatewayPayment | undefined, ReturnType<typeof evidenceOf>]>([
  ['that is not named or is unknown at the gateway', undefined, 'word'],
  ['of this customer, amount and currency', payment(), 'paid'],
  ['that names this obligation', payment({ payment_id: 'invoice-1' }), 'paid'],
  ['that names another obligation', payment({ payment_id: 'invoice-0' }), 'of_another'],
  ['of another customer', payment({ gateway_customer_ref: 'cus_2' }), 'of_another'],
  [
    'of another customer that names this obligation',
    payment({ gateway_customer_ref: 'cus_2', payment_id: 'invoice-1' }),
    'of_another',
  ],
  ['of another amount', payment({ amount: 4901 }), 'of_another'],
  ['of another currency', payment({ currency: 'EUR' }), 'of_another'],
  ['of a guest', without('gateway_customer_ref'), 'of_another'],
  [
    'of a guest that names this obligation',
    without('gateway_customer_ref', { payment_id: 'invoice-1' }),
    'paid',
  ],
  ['that was charged last month', payment({ charged_at: lastMonth }), 'of_another'],
  [
    'that was charged last month and names this obligation',
    payment({ charged_at: lastMonth, payment_id: 'invoice-1' }),
    'paid',
  ],
  [
    'that was charged a day before the failure',
    payment({ charged_at: Date.parse('2026-11-19T12:00:00Z') }),
    'paid',
  ],
  [
    'that was charged longer than a day before the failure',
    payment({ charged_at: Date.parse('2026-11-19T11:59:59.999Z') }),
    'of_another',
  ],
  [
    'that was charged shortly before the failure was reported',
    payment({ charged_at: Date.parse('2026-11-20T02:00:00Z') }),
    'paid',
  ],
  ['that has not succeeded', payment({ state: 'payable' }), 'not_paid'],
  ['that was refunded since', payment({ reversal: 'refunded' }), 'reversed'],
  ['that is processing', payment({ state: 'processing' }), 'not_paid'],
  ['of the obligation itself', payment({ gateway_ref: 'pi_own', gateway_customer_ref: 'cus_0' }), 'paid'],
])('the evidence of a payment %s', (_, named, evidence) => {
  expect(evidenceOf(named, expected)).toBe(evidence);
});

test('for an obligation with an unknown amount only the customer is compared', () => {
  const unknown = { payment_id: 'invoice-1', gateway_customer_ref: 'cus_1' };
  expect(evidenceOf(payment({ amount: 1 }), unknown)).toBe('paid');
  expect(evidenceOf(payment({ gateway_customer_ref: 'cus_2' }), unknown)).toBe('of_another');
});

test.each([
  ['settlement_mismatch', true],
  ['payment_came_back', true],
  ['payment_not_cancellable', true],
  ['attempt_unknown', false],
  ['stripe:api_key_expired', false],
])('a review by %s outranks that of a settlement: %s', (rule, expected) => {
  expect(outranksSettlementReview(rule)).toBe(expected);
});
