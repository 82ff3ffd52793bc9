/** Methods of every type for one obligation, and currencies whose units differ at Stripe. */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { classify } from '../../domain/decline/classify.ts';
import type { ChargeOrder } from '../../domain/ports.ts';
import { type StripeFixture, startHttpServer, startStripeFixture } from '../../test/stripe-fixture.ts';
import { createStripeGateway } from './gateway.ts';

let stripe: StripeFixture;

beforeAll(async () => {
  stripe = await startStripeFixture();
});
afterAll(() => stripe.close());

async function bodiesOf(key: string) {
  const { data } = await stripe.sim<{ data: { idempotency_key?: string; body: Record<string, unknown> }[] }>(
    '/requests',
  );
  return data.filter((request) => request.idempotency_key === key).map(({ body }) => body);
}

/** The same obligation's next attempt, with a method of this type. */
async function nextOn(order: ChargeOrder, type: string, gateway_ref?: string): Promise<ChargeOrder> {
  const token = `pm_${randomUUID()}`;
  const customer = order.gateway_customer_ref;
  await stripe.sim(`/payment_methods/${token}`, 'PUT', { type, customer });
  return {
    ...order,
    token,
    key: `recovery:${order.payment_id}:${token}:1`,
    payment_method_type: type,
    ...(gateway_ref && { gateway_ref }),
  };
}

test.each([
  ['EUR', 'sepa_debit'],
  ['USD', 'us_bank_account'],
  ['GBP', 'bacs_debit'],
  ['USD', 'link'],
])('a payment in %s that was created for a card can be confirmed with a %s', async (currency, type) => {
  const first = {
    ...(await stripe.createChargeOrder([{ do: 'decline', decline_code: 'do_not_honor' }])),
    currency,
  };
  const declined = await stripe.charge(first);
  if (declined.result !== 'declined' || !declined.gateway_ref) throw new Error(JSON.stringify(declined));
  const second = await nextOn(first, type, declined.gateway_ref);
  expect(await stripe.charge(second)).toMatchObject({
    result: 'approved',
    gateway_ref: declined.gateway_ref,
  });
  expect(await bodiesOf(first.key)).toMatchObject([{ payment_method_types: ['card'] }]);
  expect(await bodiesOf(second.key)).toMatchObject([{ payment_method_types: [type] }]);
});

test.each([
  ['USD', 'sepa_debit'],
  ['EUR', 'bacs_debit'],
  ['EUR', 'us_bank_account'],
])('a type that does not support %s fails only that method: %s', async (currency, type) => {
  const order = { ...(await stripe.createChargeOrder([])), currency };
  const refused = await stripe.charge(await nextOn(order, type));
  if (refused.result !== 'declined') throw new Error(JSON.stringify(refused));
  expect(classify(refused.codes, { type: 'bank_account' }, 0).class).toBe('FIX');
  expect(await stripe.charge(order)).toMatchObject({ result: 'approved' });
});

test.each([
  ['card', { param: 'payment_method_types' }, 'CONFIG'],
  ['link', { param: 'payment_method_types' }, 'FIX'],
  ['link', { param: 'payment_method_types[0]' }, 'FIX'],
  ['link', { param: 'payment_method_types', code: 'payment_method_types_no_longer_supported' }, 'CONFIG'],
  ['link', { param: 'amount', code: 'parameter_invalid_integer' }, 'CONFIG'],
  ['card', { code: 'payment_intent_mandate_invalid' }, 'FIX'],
  ['card', { code: 'payment_intent_authentication_failure' }, 'AUTH'],
])('a %s refused with 400 %j is %s', async (payment_method_type, error, declineClass) => {
  const server = await startHttpServer((_request, response) => {
    const body = { error: { type: 'invalid_request_error', message: 'no', ...error } };
    response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const gateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
  const order = { ...(await stripe.createChargeOrder([])), payment_method_type };
  const answer = await gateway.charge(order, { timeoutMs: 5000 });
  await server.close();
  if (answer.result !== 'declined') throw new Error(JSON.stringify(answer));
  expect(classify(answer.codes, { type: 'card' }, 0).class).toBe(declineClass);
});

test.each([
  ['ISK', 1999, '199900'],
  ['UGX', 5, '500'],
  ['MGA', 1200, '12'],
  ['KWD', 5120, '5120'],
  ['JPY', 500, '500'],
])('%s: %i minor units are sent as %s, and read back', async (currency, amount, sent) => {
  const order = { ...(await stripe.createChargeOrder([])), currency, amount };
  const answer = await stripe.charge(order);
  if (answer.result !== 'approved' || !answer.gateway_ref || !answer.charge_ref)
    throw new Error(JSON.stringify(answer));
  const { gateway_ref, charge_ref } = answer;
  expect(await bodiesOf(order.key)).toMatchObject([{ amount: sent, currency: currency.toLowerCase() }]);
  expect(await stripe.gateway.readPayment(gateway_ref)).toMatchObject({ amount, currency });
  const { payment_id, key: attempt_key } = order;
  await stripe.gateway.refundCharge({ charge_ref, key: `refund:${order.key}`, payment_id, attempt_key });
  expect(await stripe.gateway.refundsOf(gateway_ref)).toMatchObject([
    { amount, currency, state: 'refunded' },
  ]);
});

test.each([
  ['KWD', 5124],
  ['MGA', 1250],
])(
  '%s: an amount that Stripe cannot represent is a configuration error and never rounded: %i',
  async (currency, amount) => {
    const order = { ...(await stripe.createChargeOrder([])), currency, amount };
    const answer = await stripe.charge(order);
    if (answer.result !== 'declined') throw new Error(JSON.stringify(answer));
    expect(classify(answer.codes, { type: 'card' }, 0).class).toBe('CONFIG');
    expect(await bodiesOf(order.key)).toEqual([]);
  },
);
