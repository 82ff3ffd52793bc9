import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecordPage } from '../../domain/reconciliation/records.ts';
import { type StripeFixture, startStripeFixture } from '../../test/stripe-fixture.ts';
import { createStripeRecords } from './records.ts';

let stripe: StripeFixture;
let records: ReturnType<typeof createStripeRecords>;
beforeAll(async () => {
  stripe = await startStripeFixture();
  records = createStripeRecords({ apiKey: 'sk_test_1', apiBase: stripe.url });
});
afterAll(() => stripe.close());

const MINUTE = 60_000;
const span = () => ({ since: Date.now() - MINUTE, until: Date.now() + MINUTE });

/** The items of all pages, and the number of pages. */
async function all<T>(read: (after: string | undefined) => Promise<RecordPage<T> | undefined>) {
  const items: T[] = [];
  let pages = 0;
  for (let after: string | undefined, over = false; !over; over = after === undefined) {
    const page = await read(after);
    items.push(...(page?.items ?? []));
    pages += 1;
    after = page?.next;
  }
  return { items, pages };
}

test('a customer’s methods are listed in pages of a hundred, without detached ones', async () => {
  const { gateway_customer_ref, token } = await stripe.createChargeOrder([]);
  for (let n = 0; n < 204; n++) {
    await stripe.sim(`/payment_methods/pm_${randomUUID()}`, 'PUT', { customer: gateway_customer_ref });
  }
  const { items, pages } = await all((after) => records.methodsOf(gateway_customer_ref, after));
  expect(pages).toBe(3);
  expect(new Set(items.map((method) => method.token)).size).toBe(205);
  expect(items.at(-1)).toMatchObject({ token, gateway_customer_ref, type: 'card', last_four: '4242' });
  await stripe.detach(token);
  const left = await all((after) => records.methodsOf(gateway_customer_ref, after));
  expect(left.items).toHaveLength(204);
  expect(await records.getPaymentMethod(token)).not.toHaveProperty('gateway_customer_ref');
});

test('an unknown reference is not an error', async () => {
  expect(await records.methodsOf('cus_nobody', undefined)).toBeUndefined();
  expect(await records.getPaymentMethod('pm_nothing')).toBeUndefined();
});

test('charges within a time range are listed as updates of their payments, others are not', async () => {
  const approved = await stripe.createChargeOrder([]);
  const declined = await stripe.createChargeOrder([{ do: 'decline', decline_code: 'insufficient_funds' }]);
  for (const order of [approved, declined]) await stripe.charge(order);
  const { items } = await all((after) => records.charges(span(), after));
  const of = ({ payment_id }: { payment_id: string }) => items.find((one) => one.payment_id === payment_id);
  expect(of(approved)).toEqual({
    about: 'payment',
    result: 'approved',
    codes: {},
    charge_ref: expect.stringMatching(/^ch_/),
    made_at: expect.any(Number),
    gateway_ref: expect.stringMatching(/^pi_/),
    gateway_customer_ref: approved.gateway_customer_ref,
    payment_id: approved.payment_id,
    token: approved.token,
    occurred_at: expect.stringMatching(/Z$/),
  });
  expect(of(declined)).toMatchObject({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  const later = { since: Date.now() + MINUTE, until: Date.now() + 2 * MINUTE };
  expect((await records.charges(later, undefined)).items).toEqual([]);
  const before = { since: 0, until: Date.now() - MINUTE };
  expect((await records.charges(before, undefined)).items).toEqual([]);
});

test('refunds, disputes and warnings within a time range name their charge and state', async () => {
  const order = await stripe.createChargeOrder([]);
  const charged = await stripe.charge(order);
  if (charged.result !== 'approved') throw new Error(charged.result);
  const charge_ref = String(charged.charge_ref);
  const refund = { charge_ref, key: randomUUID(), payment_id: order.payment_id, attempt_key: order.key };
  await stripe.gateway.refundCharge(refund);
  await stripe.sim(`/charges/${charge_ref}/dispute`, 'POST', { reason: 'fraudulent' });
  await stripe.sim(`/charges/${charge_ref}/fraud_warning`, 'POST', {});
  const [refunds, disputes, warnings] = await Promise.all([
    records.refunds(span(), undefined),
    records.disputes(span(), undefined),
    records.fraudWarnings(span(), undefined),
  ]);
  const { gateway_ref } = charged;
  expect(refunds.items).toEqual([
    {
      about: 'refund',
      refund_ref: expect.stringMatching(/^re_/),
      state: 'refunded',
      ...{ charge_ref, gateway_ref, payment_id: order.payment_id, attempt_key: order.key },
    },
  ]);
  const { token, gateway_customer_ref, payment_id } = order;
  const of = { charge_ref, token, gateway_customer_ref, payment_id };
  expect(disputes.items).toMatchObject([{ ...of, reason: 'fraudulent', state: 'open' }]);
  expect(warnings.items).toMatchObject([{ ...of, state: 'early_warning' }]);
});

test('a rate-limited request reports when to retry', async () => {
  await stripe.sim('/rate_limit', 'PUT', { requests: 1, retry_after_s: 3 });
  await expect(records.charges(span(), undefined)).rejects.toMatchObject({
    type: 'gateway_unavailable',
    retryAfterMs: 3_000,
  });
  expect((await records.charges(span(), undefined)).items).not.toEqual([]);
});
