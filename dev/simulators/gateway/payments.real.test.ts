import { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Delivery,
  type SimulatorFixture,
  offSession,
  startSimulatorFixture,
  until,
} from './simulator-fixture.ts';

let gateway: SimulatorFixture;

beforeAll(async () => {
  gateway = await startSimulatorFixture();
});
afterAll(() => gateway.close());

describe('payments', () => {
  test('each charge request uses the next step, and `then` once the script has ended', async () => {
    const payer = await gateway.createPayer(
      [{ do: 'decline', decline_code: 'insufficient_funds' }],
      {},
      { do: 'decline' },
    );
    const first = await gateway.createPayment(payer);
    expect(first.status).toBe(402);
    expect(first.body.error).toMatchObject({
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'insufficient_funds',
      payment_intent: { status: 'requires_payment_method', payment_method: null },
      payment_method: { id: payer.method },
    });
    const confirm = `/v1/payment_intents/${first.body.error.payment_intent.id}/confirm`;
    for (let n = 0; n < 2; n += 1) {
      const next = await gateway.post(confirm, { payment_method: payer.method, ...offSession });
      expect(next.body.error.decline_code).toBe('generic_decline');
    }
    expect((await gateway.ledgerOf(payer.customer)).map((entry) => entry.status)).toEqual([
      'failed',
      'failed',
      'failed',
    ]);
  });

  test('a decline’s codes are in the error, in last_payment_error and in the charge', async () => {
    const codes = {
      decline_code: 'do_not_honor',
      advice_code: 'do_not_try_again',
      network_decline_code: '05',
      network_advice_code: '03',
    };
    const payer = await gateway.createPayer([{ do: 'decline', ...codes }]);
    const { error } = (await gateway.createPayment(payer)).body;
    expect(error).toMatchObject(codes);
    expect(error.payment_intent.last_payment_error).toMatchObject({ ...codes, charge: error.charge });
    const charge = (await gateway.get(`/v1/charges/${error.charge}`)).body;
    expect(charge).toMatchObject({
      status: 'failed',
      failure_code: 'card_declined',
      outcome: {
        type: 'issuer_declined',
        reason: 'do_not_honor',
        advice_code: 'do_not_try_again',
        network_decline_code: '05',
        network_advice_code: '03',
      },
    });
  });

  test('a payment succeeds at most once', async () => {
    const payer = await gateway.createPayer([]);
    const { id } = (await gateway.createPayment(payer)).body;
    const again = await gateway.post(`/v1/payment_intents/${id}/confirm`, { payment_method: payer.method });
    expect(again.status).toBe(400);
    expect(again.body.error).toMatchObject({
      code: 'payment_intent_unexpected_state',
      payment_intent: { id, status: 'succeeded' },
    });
    const cancelled = await gateway.post(`/v1/payment_intents/${id}/cancel`);
    expect(cancelled.body.error.code).toBe('payment_intent_unexpected_state');
    expect(await gateway.ledgerOf(payer.customer)).toHaveLength(1);
  });

  test('a required authentication is a decline off session, and requested on session', async () => {
    const payer = await gateway.createPayer([{ do: 'requires_action' }, { do: 'requires_action' }]);
    const declined = await gateway.createPayment(payer);
    expect(declined.status).toBe(402);
    expect(declined.body.error).toMatchObject({
      code: 'authentication_required',
      decline_code: 'authentication_required',
    });
    const asked = await gateway.post('/v1/payment_intents', {
      amount: '1',
      currency: 'usd',
      customer: payer.customer,
      payment_method: payer.method,
      confirm: 'true',
    });
    expect(asked.body).toMatchObject({ status: 'requires_action', next_action: { type: 'use_stripe_sdk' } });
  });

  test('a customer who completes an earlier authentication cannot pay twice', async () => {
    const settle = { after_ms: 60_000, outcome: 'succeeded' };
    const late = await gateway.createPayer([{ do: 'requires_action', settle }]);
    const id = (await gateway.createPayment(late)).body.error.payment_intent.id;
    await gateway.post(`/v1/payment_intents/${id}/confirm`, { payment_method: late.method });
    await gateway.sim('POST', '/clock', { advance_s: 120 });
    const statuses = async (customer: string) =>
      (await gateway.ledgerOf(customer)).map((entry) => entry.status);
    expect(await statuses(late.customer)).toEqual(['failed', 'succeeded']);

    const alone = await gateway.createPayer([{ do: 'requires_action', settle }]);
    await gateway.createPayment(alone);
    await gateway.sim('POST', '/clock', { advance_s: 120 });
    expect(await statuses(alone.customer)).toEqual(['failed', 'succeeded']);
  });

  test('a bank debit is processing until the clock settles it, either way', async () => {
    for (const [outcome, status, event] of [
      ['succeeded', 'succeeded', 'payment_intent.succeeded'],
      ['failed', 'requires_payment_method', 'payment_intent.payment_failed'],
    ]) {
      const step = {
        do: 'processing',
        code: 'insufficient_funds',
        settle: { after_ms: 86_400_000, outcome },
      };
      const payer = await gateway.createPayer([step], { type: 'us_bank_account' });
      const types = { 'payment_method_types[]': 'us_bank_account' };
      const { id, status: before } = (await gateway.createPayment(payer, 'k', types)).body;
      await gateway.sim('POST', '/clock', { advance_s: 86_399 });
      expect([before, (await gateway.get(`/v1/payment_intents/${id}`)).body.status]).toEqual([
        'processing',
        'processing',
      ]);
      await gateway.sim('POST', '/clock', { advance_s: 2 });
      expect((await gateway.get(`/v1/payment_intents/${id}`)).body.status).toBe(status);
      await until(() => (gateway.typesOf(payer.customer).includes(event ?? '') ? true : undefined));
      const { event: last } = gateway.eventsOf(payer.customer).at(-1) as Delivery;
      expect(last).toMatchObject({ type: event, request: { id: null, idempotency_key: null } });
      await gateway.sim('POST', '/reset');
    }
  });

  test('an unpaid payment and a processing bank debit can be cancelled', async () => {
    const payer = await gateway.createPayer([{ do: 'decline' }]);
    const id = (await gateway.createPayment(payer)).body.error.payment_intent.id;
    expect((await gateway.post(`/v1/payment_intents/${id}/cancel`)).body.status).toBe('canceled');
    const bank = await gateway.createPayer([], { type: 'us_bank_account', script: [{ do: 'processing' }] });
    const types = { 'payment_method_types[]': 'us_bank_account' };
    const pending = (await gateway.createPayment(bank, undefined, types)).body;
    expect((await gateway.post(`/v1/payment_intents/${pending.id}/cancel`)).body.status).toBe('canceled');
    expect(await gateway.ledgerOf(bank.customer)).toMatchObject([{ status: 'canceled' }]);
  });

  test('a payment is refunded once, in full or in parts up to its amount', async () => {
    const payer = await gateway.createPayer([]);
    const paid = (await gateway.createPayment(payer)).body;
    const part = await gateway.post('/v1/refunds', { payment_intent: paid.id, amount: '250' });
    expect(part.body).toMatchObject({ amount: 250, charge: paid.latest_charge, status: 'succeeded' });
    expect(await gateway.ledgerOf(payer.customer)).toMatchObject([{ status: 'succeeded' }]);
    await gateway.post('/v1/refunds', { charge: paid.latest_charge });
    expect(await gateway.ledgerOf(payer.customer)).toMatchObject([{ status: 'refunded' }]);
    const more = await gateway.post('/v1/refunds', { charge: paid.latest_charge });
    expect(more.body.error.code).toBe('charge_already_refunded');
    const { data } = (await gateway.get(`/v1/refunds?payment_intent=${paid.id}`)).body;
    expect(data.map((refund: { amount: number }) => refund.amount)).toEqual([1000, 250]);
  });

  test('an invalid request is refused with the parameter’s name, and has no effect', async () => {
    const payer = await gateway.createPayer([]);
    const wrong = async (more: Record<string, string>) =>
      (await gateway.createPayment(payer, undefined, more)).body.error;
    expect(await wrong({ amount: '' })).toMatchObject({ code: 'parameter_missing', param: 'amount' });
    expect(await wrong({ amount: '1.5' })).toMatchObject({ param: 'amount' });
    expect(await wrong({ currency: 'dollars' })).toMatchObject({ param: 'currency' });
    expect(await wrong({ colour: 'red' })).toMatchObject({ code: 'parameter_unknown', param: 'colour' });
    expect(await wrong({ customer: 'cus_x' })).toMatchObject({ code: 'resource_missing', param: 'customer' });
    expect(await wrong({ payment_method: 'pm_x' })).toMatchObject({
      code: 'resource_missing',
      param: 'payment_method',
    });
    expect(await wrong({ 'payment_method_types[]': 'us_bank_account' })).toMatchObject({
      param: 'payment_method',
    });
    const id = (await gateway.createPayment(payer)).body.id;
    const confirmed = await gateway.post(`/v1/payment_intents/${id}/confirm`, { 'metadata[a]': 'b' });
    expect(confirmed.body.error).toMatchObject({ code: 'parameter_unknown', param: 'metadata' });
    expect((await gateway.get('/v1/payment_intents/pi_x')).status).toBe(404);
    expect((await gateway.get('/v1/unicorns')).status).toBe(404);
    expect((await fetch(`${gateway.url}/v1/customers`)).status).toBe(401);
    expect(await gateway.ledgerOf(payer.customer)).toHaveLength(1);
  });

  test.each([
    ['sepa_debit', 'eur', 'usd'],
    ['bacs_debit', 'gbp', 'eur'],
    ['us_bank_account', 'usd', 'eur'],
  ])('%s is charged only in %s, and one unsupported type fails the request', async (type, taken, refused) => {
    const payer = await gateway.createPayer([], { type });
    const types = { 'payment_method_types[0]': 'card', 'payment_method_types[1]': type };
    const refusal = (await gateway.createPayment(payer, undefined, { ...types, currency: refused })).body
      .error;
    expect(refusal).toMatchObject({ type: 'invalid_request_error', param: 'payment_method_types' });
    expect((await gateway.createPayment(payer, undefined, { ...types, currency: taken })).body.status).toBe(
      'succeeded',
    );

    const card = await gateway.createPayer([{ do: 'decline' }]);
    const { id } = (await gateway.createPayment(card, undefined, { currency: refused })).body.error
      .payment_intent;
    const body = { payment_method: card.method, 'payment_method_types[]': type };
    const confirmed = await gateway.post(`/v1/payment_intents/${id}/confirm`, body);
    expect(confirmed.body.error).toMatchObject({ param: 'payment_method_types' });
    const asCard = { payment_method: payer.method, 'payment_method_types[]': 'card' };
    expect((await gateway.post(`/v1/payment_intents/${id}/confirm`, asCard)).body.error).toMatchObject({
      param: 'payment_method',
    });
    expect(await gateway.ledgerOf(card.customer)).toHaveLength(1);
  });

  test.each([
    ['isk', '500', '550'],
    ['ugx', '500', '501'],
    ['kwd', '5120', '5124'],
  ])('fractions that Stripe does not charge are refused: %s', async (currency, taken, refused) => {
    const payer = await gateway.createPayer([]);
    const answer = await gateway.createPayment(payer, undefined, { currency, amount: refused });
    expect(answer.body.error).toMatchObject({ param: 'amount' });
    expect((await gateway.createPayment(payer, undefined, { currency, amount: taken })).body.status).toBe(
      'succeeded',
    );
  });

  test('the newest versions of the API refuse `payment_method_types`, as Stripe does', async () => {
    const payer = await gateway.createPayer([]);
    const stripe = new Stripe('sk_test_1', {
      host: '127.0.0.1',
      port: new URL(gateway.url).port,
      protocol: 'http',
    });
    const params = { amount: 1, currency: 'usd', customer: payer.customer, payment_method_types: ['card'] };
    await expect(stripe.paymentIntents.create(params)).rejects.toMatchObject({
      code: 'payment_method_types_no_longer_supported',
    });
  });
});
