import { createHmac, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GatewaySimulator, startGatewaySimulator } from './server.ts';
import { simulatorClient, until } from './testing.ts';

const SECRET = 'whsec_test';

interface Delivery {
  signature: string;
  text: string;
  event: {
    id: string;
    type: string;
    data: { object: { id: string; status: string; customer: string } };
    request: { id: string | null; idempotency_key: string | null };
  };
}

let receiver: Server;
let deliveries: Delivery[] = [];
/** What the receiver answers next; empty: 200. */
let receiverAnswers: number[] = [];
let simulator: GatewaySimulator;
let client: ReturnType<typeof simulatorClient>;

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const signature = String(request.headers['stripe-signature']);
    deliveries.push({ signature, text, event: JSON.parse(text) as Delivery['event'] });
    response.writeHead(receiverAnswers.shift() ?? 200).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  simulator = await startGatewaySimulator({
    webhookUrl: `http://127.0.0.1:${port}/hook`,
    webhookSecret: SECRET,
  });
  client = simulatorClient(simulator.url);
});
afterAll(async () => {
  await simulator.close();
  receiver.close();
});

/** A customer whose method follows the script. */
async function given(script: object[], rest: object = {}): Promise<{ customer: string; method: string }> {
  const customer = (await client.post('/v1/customers')).body.id as string;
  const method = `pm_${randomUUID()}`;
  const put = await client.sim('PUT', `/payment_methods/${method}`, {
    type: 'card',
    customer,
    script,
    ...rest,
  });
  expect(put.status).toBe(200);
  return { customer, method };
}

const confirmation = { off_session: 'true', error_on_requires_action: 'true' };
const creation = ({ customer, method }: { customer: string; method: string }, more = {}) => ({
  amount: '1250',
  currency: 'usd',
  customer,
  payment_method: method,
  confirm: 'true',
  ...confirmation,
  ...more,
});
const create = (of: { customer: string; method: string }, key?: string, more = {}) =>
  client.post('/v1/payment_intents', creation(of, more), key);
const ledgerOf = async (customer: string) =>
  (await client.sim('GET', '/charges')).body.data.filter(
    (entry: { customer: string }) => entry.customer === customer,
  );
const eventsOf = (customer: string) =>
  deliveries.filter(({ event }) => event.data.object.customer === customer);
const typesOf = (customer: string) => eventsOf(customer).map(({ event }) => event.type);

describe('payments', () => {
  test('each charge request takes the next step, then `then` for ever', async () => {
    const of = await given([{ do: 'decline', decline_code: 'insufficient_funds' }], {
      then: { do: 'decline' },
    });
    const first = await create(of);
    expect(first.status).toBe(402);
    expect(first.body.error).toMatchObject({
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'insufficient_funds',
      payment_intent: { status: 'requires_payment_method', payment_method: null },
      payment_method: { id: of.method },
    });
    const confirm = `/v1/payment_intents/${first.body.error.payment_intent.id}/confirm`;
    for (let n = 0; n < 2; n += 1) {
      const next = await client.post(confirm, { payment_method: of.method, ...confirmation });
      expect(next.body.error.decline_code).toBe('generic_decline');
    }
    expect((await ledgerOf(of.customer)).map((entry: { status: string }) => entry.status)).toEqual([
      'failed',
      'failed',
      'failed',
    ]);
  });

  test('a decline tells its codes in the error, in last_payment_error and in the charge', async () => {
    const codes = {
      decline_code: 'do_not_honor',
      advice_code: 'do_not_try_again',
      network_decline_code: '05',
      network_advice_code: '03',
    };
    const of = await given([{ do: 'decline', ...codes }]);
    const { error } = (await create(of)).body;
    expect(error).toMatchObject(codes);
    expect(error.payment_intent.last_payment_error).toMatchObject({ ...codes, charge: error.charge });
    const charge = (await client.get(`/v1/charges/${error.charge}`)).body;
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
    const of = await given([]);
    const { id } = (await create(of)).body;
    const again = await client.post(`/v1/payment_intents/${id}/confirm`, { payment_method: of.method });
    expect(again.status).toBe(400);
    expect(again.body.error).toMatchObject({
      code: 'payment_intent_unexpected_state',
      payment_intent: { id, status: 'succeeded' },
    });
    const cancelled = await client.post(`/v1/payment_intents/${id}/cancel`);
    expect(cancelled.body.error.code).toBe('payment_intent_unexpected_state');
    expect(await ledgerOf(of.customer)).toHaveLength(1);
  });

  test('authentication: declined when nobody is there, otherwise asked for', async () => {
    const of = await given([{ do: 'requires_action' }, { do: 'requires_action' }]);
    const declined = await create(of);
    expect(declined.status).toBe(402);
    expect(declined.body.error).toMatchObject({
      code: 'authentication_required',
      decline_code: 'authentication_required',
    });
    const asked = await client.post('/v1/payment_intents', {
      amount: '1',
      currency: 'usd',
      customer: of.customer,
      payment_method: of.method,
      confirm: 'true',
    });
    expect(asked.body).toMatchObject({ status: 'requires_action', next_action: { type: 'use_stripe_sdk' } });
  });

  test('a customer who completes an earlier authentication cannot pay twice', async () => {
    const settle = { after_ms: 60_000, outcome: 'succeeded' };
    const late = await given([{ do: 'requires_action', settle }]);
    const id = (await create(late)).body.error.payment_intent.id;
    await client.post(`/v1/payment_intents/${id}/confirm`, { payment_method: late.method });
    await client.sim('POST', '/clock', { advance_s: 120 });
    const statuses = async (customer: string) =>
      (await ledgerOf(customer)).map((entry: { status: string }) => entry.status);
    expect(await statuses(late.customer)).toEqual(['failed', 'succeeded']);

    const alone = await given([{ do: 'requires_action', settle }]);
    await create(alone);
    await client.sim('POST', '/clock', { advance_s: 120 });
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
      const of = await given([step], { type: 'us_bank_account' });
      const types = { 'payment_method_types[]': 'us_bank_account' };
      const { id, status: before } = (await create(of, 'k', types)).body;
      await client.sim('POST', '/clock', { advance_s: 86_399 });
      expect([before, (await client.get(`/v1/payment_intents/${id}`)).body.status]).toEqual([
        'processing',
        'processing',
      ]);
      await client.sim('POST', '/clock', { advance_s: 2 });
      expect((await client.get(`/v1/payment_intents/${id}`)).body.status).toBe(status);
      await until(() => (typesOf(of.customer).includes(event ?? '') ? true : undefined));
      const { event: last } = eventsOf(of.customer).at(-1) as Delivery;
      expect(last).toMatchObject({ type: event, request: { id: null, idempotency_key: null } });
      await client.sim('POST', '/reset');
    }
  });

  test('cancels what is unpaid, and a bank debit on its way', async () => {
    const of = await given([{ do: 'decline' }]);
    const id = (await create(of)).body.error.payment_intent.id;
    expect((await client.post(`/v1/payment_intents/${id}/cancel`)).body.status).toBe('canceled');
    const bank = await given([], { type: 'us_bank_account', script: [{ do: 'processing' }] });
    const types = { 'payment_method_types[]': 'us_bank_account' };
    const pending = (await create(bank, undefined, types)).body;
    expect((await client.post(`/v1/payment_intents/${pending.id}/cancel`)).body.status).toBe('canceled');
    expect(await ledgerOf(bank.customer)).toMatchObject([{ status: 'canceled' }]);
  });

  test('refunds once and in full, in parts up to the whole', async () => {
    const of = await given([]);
    const paid = (await create(of)).body;
    const part = await client.post('/v1/refunds', { payment_intent: paid.id, amount: '250' });
    expect(part.body).toMatchObject({ amount: 250, charge: paid.latest_charge, status: 'succeeded' });
    expect(await ledgerOf(of.customer)).toMatchObject([{ status: 'succeeded' }]);
    await client.post('/v1/refunds', { charge: paid.latest_charge });
    expect(await ledgerOf(of.customer)).toMatchObject([{ status: 'refunded' }]);
    const more = await client.post('/v1/refunds', { charge: paid.latest_charge });
    expect(more.body.error.code).toBe('charge_already_refunded');
    const { data } = (await client.get(`/v1/refunds?payment_intent=${paid.id}`)).body;
    expect(data.map((refund: { amount: number }) => refund.amount)).toEqual([1000, 250]);
  });

  test('says what is wrong with a request, and does nothing', async () => {
    const of = await given([]);
    const wrong = async (more: Record<string, string>) => (await create(of, undefined, more)).body.error;
    expect(await wrong({ amount: '' })).toMatchObject({ code: 'parameter_missing', param: 'amount' });
    expect(await wrong({ amount: '1.5' })).toMatchObject({ param: 'amount' });
    expect(await wrong({ currency: 'dollars' })).toMatchObject({ param: 'currency' });
    expect(await wrong({ colour: 'red' })).toMatchObject({ code: 'parameter_unknown', param: 'colour' });
    expect(await wrong({ customer: 'cus_x' })).toMatchObject({ code: 'resource_missing', param: 'customer' });
    expect(await wrong({ payment_method: 'pm_x' })).toMatchObject({
      code: 'resource_missing',
      param: 'payment_method',
    });
    expect(await wrong({ 'payment_method_types[]': 'sepa_debit' })).toMatchObject({
      param: 'payment_method',
    });
    const id = (await create(of)).body.id;
    const confirmed = await client.post(`/v1/payment_intents/${id}/confirm`, { 'metadata[a]': 'b' });
    expect(confirmed.body.error).toMatchObject({ code: 'parameter_unknown', param: 'metadata' });
    expect((await client.get('/v1/payment_intents/pi_x')).status).toBe(404);
    expect((await client.get('/v1/unicorns')).status).toBe(404);
    expect((await fetch(`${simulator.url}/v1/customers`)).status).toBe(401);
    expect(await ledgerOf(of.customer)).toHaveLength(1);
  });

  test('the newest versions of the API refuse `payment_method_types`, as Stripe does', async () => {
    const of = await given([]);
    const stripe = new Stripe('sk_test_1', {
      host: '127.0.0.1',
      port: new URL(simulator.url).port,
      protocol: 'http',
    });
    const params = { amount: 1, currency: 'usd', customer: of.customer, payment_method_types: ['card'] };
    await expect(stripe.paymentIntents.create(params)).rejects.toMatchObject({
      code: 'payment_method_types_no_longer_supported',
    });
  });
});

describe('idempotency keys', () => {
  test('replay status and body for 24 hours, a 500 too, and charge once', async () => {
    const of = await given([{ do: 'error_500' }]);
    const key = randomUUID();
    const first = await create(of, key);
    const again = await create(of, key);
    expect([first.status, again.status]).toEqual([500, 500]);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await ledgerOf(of.customer)).toHaveLength(0);
    await client.sim('POST', '/clock', { advance_s: 24 * 3600 });
    expect((await create(of, key)).status).toBe(200);
  });

  test('other parameters, or another address, are refused', async () => {
    const of = await given([]);
    const key = randomUUID();
    await create(of, key);
    for (const other of [
      await create(of, key, { amount: '1' }),
      await client.post('/v1/customers', {}, key),
    ]) {
      expect(other.status).toBe(400);
      expect(other.body.error.type).toBe('idempotency_error');
    }
  });

  test('what was refused before it began is not remembered', async () => {
    const of = await given([]);
    const key = randomUUID();
    expect((await create(of, key, { currency: 'dollars' })).status).toBe(400);
    expect((await create(of, key)).status).toBe(200);
  });

  test('a lost answer is replayed, a lost request is not', async () => {
    const of = await given([{ do: 'drop_before_capture' }, { do: 'drop_after_capture' }]);
    const key = randomUUID();
    await expect(create(of, key)).rejects.toThrow();
    expect(await ledgerOf(of.customer)).toHaveLength(0);
    await expect(create(of, key)).rejects.toThrow();
    expect((await create(of, key)).body.status).toBe('succeeded');
    expect(await ledgerOf(of.customer)).toMatchObject([{ idempotency_key: key, requests: 3 }]);
  });
});

describe('holds', () => {
  test('a held request goes on when released, though nobody waits for it any more', async () => {
    const of = await given([{ do: 'hold_before_capture' }]);
    const key = randomUUID();
    const stop = new AbortController();
    const lost = fetch(`${simulator.url}/v1/payment_intents`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk_test_1', 'idempotency-key': key },
      body: new URLSearchParams(creation(of)),
      signal: stop.signal,
    }).catch(() => undefined);
    const hold = await until(async () => (await client.sim('GET', '/holds')).body.data[0]);
    expect(hold).toEqual({
      id: expect.any(String),
      step: 'hold_before_capture',
      idempotency_key: key,
      payment_method: of.method,
    });
    expect((await create(of, key)).body.error.code).toBe('idempotency_key_in_use');
    expect((await client.get(`/v1/payment_intents?customer=${of.customer}`)).body.data).toEqual([]);
    stop.abort();
    await lost;
    expect((await client.sim('POST', `/holds/${hold.id}/release`)).status).toBe(200);
    await until(async () => ((await ledgerOf(of.customer)).length === 1 ? true : undefined));
    expect((await create(of, key)).body.status).toBe('succeeded');
    await until(() => (typesOf(of.customer).includes('payment_intent.succeeded') ? true : undefined));
    expect((await client.sim('POST', `/holds/${hold.id}/release`)).status).toBe(404);
  });

  test('one request at a time acts on a payment', async () => {
    const of = await given([{ do: 'decline' }, { do: 'hold_after_capture' }]);
    const id = (await create(of)).body.error.payment_intent.id;
    const confirm = `/v1/payment_intents/${id}/confirm`;
    const held = client.post(confirm, { payment_method: of.method });
    const hold = await until(async () => (await client.sim('GET', '/holds')).body.data[0]);
    expect(hold.payment_intent).toBe(id);
    const other = await client.post(confirm, { payment_method: of.method });
    expect([other.status, other.body.error.code]).toEqual([429, 'lock_timeout']);
    expect((await client.get(`/v1/payment_intents/${id}`)).body.status).toBe('succeeded');
    await client.sim('POST', `/holds/${hold.id}/release`);
    expect((await held).body.status).toBe('succeeded');
  });

  test('a reset forgets everything and cuts what is held', async () => {
    const of = await given([{ do: 'hold_before_capture' }]);
    const held = create(of);
    const cut = expect(held).rejects.toThrow();
    await until(async () => (await client.sim('GET', '/holds')).body.data[0]);
    await client.sim('POST', '/reset');
    await cut;
    for (const list of ['/holds', '/charges', '/requests']) {
      expect((await client.sim('GET', list)).body.data).toEqual([]);
    }
    expect((await client.get(`/v1/payment_methods/${of.method}`)).status).toBe(404);
  });
});

describe('webhooks', () => {
  test('are signed as Stripe signs, and name the key of the request that caused them', async () => {
    const of = await given([]);
    const key = randomUUID();
    await create(of, key);
    const delivery = await until(() => eventsOf(of.customer)[0]);
    expect(delivery.event).toMatchObject({
      type: 'payment_intent.succeeded',
      data: { object: { customer: of.customer } },
      request: { id: expect.stringMatching(/^req_/), idempotency_key: key },
    });
    const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(delivery.signature) ?? [];
    expect(v1).toBe(createHmac('sha256', SECRET).update(`${t}.${delivery.text}`).digest('hex'));
    const stripe = new Stripe('sk_test_1');
    expect(stripe.webhooks.constructEvent(delivery.text, delivery.signature, SECRET).id).toBe(
      delivery.event.id,
    );
  });

  test('go out before the answer, twice or not at all, as the step says', async () => {
    const before = await given([{ do: 'hold_after_capture', webhook: 'before' }]);
    const held = create(before);
    const hold = await until(async () => (await client.sim('GET', '/holds')).body.data[0]);
    expect(typesOf(before.customer)).toEqual(['payment_intent.succeeded']);
    await client.sim('POST', `/holds/${hold.id}/release`);
    await held;

    const twice = await given([{ do: 'decline', webhook: 'twice' }]);
    await create(twice);
    await until(() => (eventsOf(twice.customer).length === 2 ? true : undefined));
    const ids = eventsOf(twice.customer).map(({ event }) => event.id);
    expect(ids[0]).toBe(ids[1]);
    expect(typesOf(twice.customer)).toEqual(Array(2).fill('payment_intent.payment_failed'));

    const none = await given([{ do: 'approve', webhook: 'none' }]);
    await create(none);
    // A later event of another customer has arrived: an earlier one would have, too.
    const later = await given([]);
    await create(later);
    await until(() => eventsOf(later.customer)[0]);
    expect(eventsOf(none.customer)).toEqual([]);
  });

  test('are delivered again until the receiver takes them', async () => {
    const of = await given([]);
    receiverAnswers = [500, 503];
    await create(of);
    await until(() => (eventsOf(of.customer).length === 3 ? true : undefined));
    expect(new Set(eventsOf(of.customer).map(({ event }) => event.id)).size).toBe(1);
  });
});

describe('payment methods', () => {
  test('belong to one customer, and are spent for all others once detached', async () => {
    const of = await given([]);
    const other = (await client.post('/v1/customers')).body.id;
    const attach = (customer: string) => client.post(`/v1/payment_methods/${of.method}/attach`, { customer });
    expect((await attach(other)).body.error.message).toContain('already been attached');
    expect((await create({ customer: other, method: of.method })).body.error.param).toBe('payment_method');
    const detached = await client.post(`/v1/payment_methods/${of.method}/detach`);
    expect(detached.body.customer).toBeNull();
    expect((await create(of)).body.error.code).toBe('payment_method_unexpected_state');
    expect((await attach(other)).body.error.code).toBe('payment_method_unexpected_state');
    expect((await attach(of.customer)).body.customer).toBe(of.customer);
  });

  test('are updated while they have a customer', async () => {
    const of = await given([]);
    const update = { 'card[exp_month]': '3', 'card[exp_year]': '2035' };
    const updated = await client.post(`/v1/payment_methods/${of.method}`, update);
    expect(updated.body.card).toMatchObject({ exp_month: 3, exp_year: 2035 });
    await until(() => (typesOf(of.customer).includes('payment_method.updated') ? true : undefined));
    const wrong = await client.post(`/v1/payment_methods/${of.method}`, { 'card[exp_month]': '13' });
    expect(wrong.body.error.code).toBe('invalid_expiry_month');
  });

  test('a new script keeps the customer', async () => {
    const of = await given([]);
    await client.sim('PUT', `/payment_methods/${of.method}`, { script: [{ do: 'decline' }] });
    expect((await client.get(`/v1/payment_methods/${of.method}`)).body.customer).toBe(of.customer);
    expect((await create(of)).status).toBe(402);
  });

  test.each([
    ['pm_card_visa', 200, 200, undefined],
    ['pm_card_de', 200, 200, undefined],
    ['pm_card_chargeCustomerFail', 200, 402, 'generic_decline'],
    ['pm_card_authenticationRequired', 200, 402, 'authentication_required'],
    ['pm_card_visa_chargeDeclinedInsufficientFunds', 402, 402, 'insufficient_funds'],
    ['pm_card_chargeDeclinedStolenCard', 402, 402, 'stolen_card'],
  ])("Stripe's %s attaches with %i and charges with %i", async (name, attached, charged, code) => {
    const customer = (await client.post('/v1/customers')).body.id;
    const attach = await client.post(`/v1/payment_methods/${name}/attach`, { customer });
    expect(attach.status).toBe(attached);
    const method = attached === 200 ? attach.body.id : name;
    const paid = await create({ customer, method });
    expect([paid.status, paid.body.error?.decline_code]).toEqual([charged, code]);
    expect(await ledgerOf(customer)).toMatchObject([{ payment_method: method }]);
  });

  test("Stripe's bank accounts settle by themselves", async () => {
    const customer = (await client.post('/v1/customers')).body.id;
    const types = { 'payment_method_types[]': 'us_bank_account' };
    const of = { customer, method: 'pm_usBankAccount_accountClosed' };
    expect((await create(of, undefined, types)).body.status).toBe('processing');
    await client.sim('POST', '/clock', { advance_s: 5 });
    const [intent] = (await client.get(`/v1/payment_intents?customer=${customer}`)).body.data;
    expect(intent).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code: 'account_closed' },
    });
  });
});

describe('the script', () => {
  test.each([
    [{ script: [{ do: 'explode' }] }, 'script[0].do'],
    [{ script: {} }, 'script'],
    [{ then: { do: 'approve', delay_ms: -1 } }, 'then.delay_ms'],
    [{ script: [{ do: 'approve', webhook: 'later' }] }, 'script[0].webhook'],
    [{ script: [{ do: 'approve', settle: { after_ms: 1, outcome: 'approve' } }] }, 'script[0].settle'],
    [{ type: 'bank_account' }, 'type'],
    [{ card: { exp_month: '12' } }, 'card.exp_month'],
  ])('%j is refused, and names %s', async (body, field) => {
    const reply = await client.sim('PUT', '/payment_methods/pm_wrong', body);
    expect(reply.status).toBe(400);
    expect(reply.body.error.message.startsWith(`${field}:`)).toBe(true);
  });

  test('a delay is waited before anything happens', async () => {
    const of = await given([{ do: 'approve', delay_ms: 150 }]);
    const started = performance.now();
    const paid = create(of);
    expect(await ledgerOf(of.customer)).toEqual([]);
    await paid;
    expect(performance.now() - started).toBeGreaterThanOrEqual(149);
  });
});

describe('lists', () => {
  test('are newest first, in pages, and bounded by creation', async () => {
    await client.sim('POST', '/reset');
    const of = await given([]);
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      ids.unshift((await create(of)).body.id);
      await client.sim('POST', '/clock', { advance_s: 10 });
    }
    const stripe = new Stripe('sk_test_1', {
      host: '127.0.0.1',
      port: new URL(simulator.url).port,
      protocol: 'http',
    });
    const listed = await stripe.paymentIntents
      .list({ customer: of.customer, limit: 2 })
      .autoPagingToArray({ limit: 10 });
    expect(listed.map((intent) => intent.id)).toEqual(ids);
    const since = listed[1]?.created ?? 0;
    const late = await client.get(`/v1/payment_intents?created[gte]=${since}`);
    expect(late.body.data.map((intent: { id: string }) => intent.id)).toEqual(ids.slice(0, 2));
    const back = await client.get(`/v1/payment_intents?ending_before=${ids[2]}&limit=1`);
    expect(back.body.data[0].id).toBe(ids[1]);
    const expanded = await client.get(`/v1/payment_intents?limit=1&expand[]=data.latest_charge`);
    expect(expanded.body.data[0].latest_charge).toMatchObject({ object: 'charge', status: 'succeeded' });
  });
});
