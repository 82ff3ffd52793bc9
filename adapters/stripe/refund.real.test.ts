import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StripeFixture, startHttpServer, startStripeFixture } from '../../test/stripe-fixture.ts';
import { createStripeGateway } from './gateway.ts';

let stripe: StripeFixture;

beforeAll(async () => {
  stripe = await startStripeFixture();
});
afterAll(() => stripe.close());

async function paid() {
  const order = await stripe.createChargeOrder([]);
  const answer = await stripe.charge(order);
  if (answer.result !== 'approved' || answer.charge_ref === undefined)
    throw new Error(JSON.stringify(answer));
  return { order, charge_ref: answer.charge_ref, key: `refund:${order.key}` };
}

/** The attempt whose charge is the second success. */
const attempt = { payment_id: 'inv-1', attempt_key: 'recovery:inv-1:m:1' };

async function refundsOf(charge: string): Promise<{ id: string; amount: number; metadata: object }[]> {
  const headers = { authorization: 'Bearer sk_test_1' };
  const response = await fetch(`${stripe.url}/v1/refunds?charge=${charge}`, { headers });
  return ((await response.json()) as { data: { id: string; amount: number; metadata: object }[] }).data;
}

/** A gateway that lists no refund of the charge at first, then returns the given responses in turn. */
async function stubGateway(...given: [status: number, body: object][]) {
  const answers: typeof given = [[200, { object: 'list', has_more: false, data: [] }], ...given];
  const server = await startHttpServer((_, response) => {
    const [status, body] = answers.shift() ?? [500, {}];
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  const gateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
  return {
    refund: () => gateway.refundCharge({ ...attempt, charge_ref: 'ch_1', key: randomUUID() }),
    close: server.close,
  };
}

test('refunds the whole charge, once for any number of requests with one key', async () => {
  const { order, charge_ref, key } = await paid();
  const first = await stripe.gateway.refundCharge({ ...attempt, charge_ref, key });
  expect(first).toEqual({ result: 'refunded', refund_ref: expect.stringMatching(/^re_/) });
  expect(await stripe.gateway.refundCharge({ ...attempt, charge_ref, key })).toEqual(first);
  expect(await refundsOf(charge_ref)).toMatchObject([{ amount: 1250, metadata: attempt }]);
  expect(await stripe.ledger(order)).toMatchObject([{ status: 'refunded' }]);
});

test('a charge already refunded under another key returns the existing refund', async () => {
  const { charge_ref, key } = await paid();
  const first = await stripe.gateway.refundCharge({ ...attempt, charge_ref, key });
  expect(await stripe.gateway.refundCharge({ ...attempt, charge_ref, key: `${key}b` })).toEqual(first);
  expect(await refundsOf(charge_ref)).toHaveLength(1);
});

test('two concurrent requests refund it once', async () => {
  const { charge_ref, key } = await paid();
  const refund = (n: number) => stripe.gateway.refundCharge({ ...attempt, charge_ref, key: `${key}${n}` });
  const [one, other] = await Promise.all([refund(1), refund(2)]);
  expect(one).toEqual(other);
  expect(await refundsOf(charge_ref)).toHaveLength(1);
});

test('a charge that never succeeded or does not exist is refused with the reason', async () => {
  const order = await stripe.createChargeOrder([{ do: 'decline' }]);
  const declined = await stripe.charge(order);
  const failed = 'charge_ref' in declined ? (declined.charge_ref ?? '') : '';
  expect(await stripe.gateway.refundCharge({ ...attempt, charge_ref: failed, key: randomUUID() })).toEqual({
    result: 'refused',
    reason: expect.stringContaining('has not succeeded'),
  });
  expect(
    await stripe.gateway.refundCharge({ ...attempt, charge_ref: 'ch_nobody', key: randomUUID() }),
  ).toEqual({
    result: 'refused',
    reason: expect.stringContaining('ch_nobody'),
  });
});

test.each([
  ['pending', { result: 'pending', refund_ref: 're_1' }],
  ['requires_action', { result: 'pending', refund_ref: 're_1' }],
  [
    'failed',
    { result: 'refused', reason: 'refund re_1 failed: expired_or_canceled_card', refund_ref: 're_1' },
  ],
])('a refund with the status %s', async (status, expected) => {
  const refund = { id: 're_1', status, failure_reason: 'expired_or_canceled_card' };
  const stub = await stubGateway([200, refund]);
  expect(await stub.refund()).toEqual(expected);
  await stub.close();
});

test('a charge reported as already refunded has the state of its refunds', async () => {
  const refusal: [number, object] = [
    400,
    { error: { type: 'invalid_request_error', code: 'charge_already_refunded', message: 'already' } },
  ];
  const listed = (...data: object[]): [number, object] => [200, { object: 'list', has_more: false, data }];
  const failed = { id: 're_1', status: 'failed' };
  const pending = await stubGateway(refusal, listed({ id: 're_2', status: 'pending' }, failed));
  expect(await pending.refund()).toEqual({ result: 'pending', refund_ref: 're_2' });
  await pending.close();

  const none = await stubGateway(refusal, listed(failed));
  expect(await none.refund()).toEqual({ result: 'refused', reason: 'charge_already_refunded: already' });
  await none.close();
});

test('the refunds of a payment are read oldest first, each with its current state', async () => {
  const { order, charge_ref, key } = await paid();
  const [entry] = await stripe.ledger(order);
  const gateway_ref = entry?.payment_intent ?? '';
  const part = { charge: charge_ref, amount: '250' };
  const headers = { authorization: 'Bearer sk_test_1' };
  const body = new URLSearchParams(part);
  const response = await fetch(`${stripe.url}/v1/refunds`, { method: 'POST', headers, body });
  const { id: byHand } = (await response.json()) as { id: string };
  await stripe.gateway.refundCharge({ ...attempt, charge_ref, key });
  const { attempt_key } = attempt;
  expect(await stripe.gateway.refundsOf(gateway_ref)).toEqual([
    { refund_ref: byHand, charge_ref, amount: 250, currency: 'USD', state: 'refunded' },
    {
      refund_ref: expect.stringMatching(/^re_/),
      charge_ref,
      amount: 1000,
      currency: 'USD',
      state: 'refunded',
      attempt_key,
    },
  ]);

  await stripe.sim(`/refunds/${byHand}/fail`, 'POST', { reason: 'lost_or_stolen_card' });
  const reason = `refund ${byHand} failed: lost_or_stolen_card`;
  expect(await stripe.gateway.refundsOf(gateway_ref)).toMatchObject([
    { refund_ref: byHand, state: 'failed', reason },
    { state: 'refunded' },
  ]);
  expect(await stripe.ledger(order)).toMatchObject([{ status: 'succeeded' }]);
});

test.each([
  [500, 'gateway_unavailable'],
  [409, 'gateway_unavailable'],
  [401, 'gateway_misconfigured'],
  [403, 'gateway_misconfigured'],
])('a response of %i says nothing about the refund: %s', async (status, type) => {
  const stub = await stubGateway([status, { error: { type: 'api_error', message: 'no' } }]);
  await expect(stub.refund()).rejects.toMatchObject({ type });
  await stub.close();
});
