import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GatewaySimulator, startGatewaySimulator } from '../../dev/simulators/gateway/server.ts';
import type { ChargeOrder, PaymentGateway } from '../../domain/ports.ts';
import { createStripeGateway } from './gateway.ts';

let simulator: GatewaySimulator;
let gateway: PaymentGateway;

beforeAll(async () => {
  simulator = await startGatewaySimulator();
  gateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: simulator.url });
});
afterAll(() => simulator.close());

type Step = Record<string, unknown>;
interface Ledger {
  data: {
    payment_intent: string;
    payment_method: string;
    idempotency_key: string;
    status: string;
    requests: number;
  }[];
}

async function sim<T>(path: string, method = 'GET', body?: unknown): Promise<T> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${simulator.url}/_sim${path}`, init);
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

/** A customer with one attached card that follows the script; the order charges it for the first time. */
async function given(script: Step[], card: object = {}): Promise<ChargeOrder> {
  const customerId = randomUUID();
  const { gateway_customer_ref } = await gateway.createCustomer({
    customer_id: customerId,
    key: `customer:${customerId}`,
  });
  const token = `pm_${randomUUID()}`;
  await sim(`/payment_methods/${token}`, 'PUT', { type: 'card', card, script });
  const attached = await gateway.attachPaymentMethod({ token, gateway_customer_ref, key: `attach:${token}` });
  expect(attached.result).toBe('attached');
  const payment_id = `inv_${randomUUID()}`;
  return {
    key: `recovery:${payment_id}:${token}:1`,
    payment_id,
    customer_id: customerId,
    gateway_customer_ref,
    token,
    amount: 1250,
    currency: 'USD',
    payment_method_types: ['card'],
  };
}

const charge = (order: ChargeOrder, options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
  gateway.charge(order, { timeoutMs: 5000, ...options });
const ledger = async (order: ChargeOrder) =>
  (await sim<Ledger>(`/charges?payment_id=${order.payment_id}`)).data;

async function until<T>(read: () => Promise<T | undefined>): Promise<T> {
  const limit = Date.now() + 5000;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > limit) throw new Error('did not happen within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const oneHold = () =>
  until(async () => (await sim<{ data: { id: string; step: string }[] }>('/holds')).data[0]);

describe('charge', () => {
  test('creates the payment with everything the contract says and confirms it in one request', async () => {
    const order = await given([]);
    const answer = await charge(order);
    expect(answer).toEqual({
      result: 'approved',
      gateway_ref: expect.stringMatching(/^pi_/),
      charge_ref: expect.stringMatching(/^ch_/),
    });
    const requests = await sim<{ data: { path: string; idempotency_key?: string; body: unknown }[] }>(
      '/requests',
    );
    expect(requests.data.filter((request) => request.idempotency_key === order.key)).toMatchObject([
      {
        path: '/v1/payment_intents',
        body: {
          amount: '1250',
          currency: 'usd',
          customer: order.gateway_customer_ref,
          payment_method: order.token,
          payment_method_types: ['card'],
          off_session: 'true',
          confirm: 'true',
          error_on_requires_action: 'true',
          metadata: { payment_id: order.payment_id, customer_id: order.customer_id },
        },
      },
    ]);
  });

  test('confirms the same payment with the next method, so that it succeeds at most once', async () => {
    const first = await given([{ do: 'decline', decline_code: 'insufficient_funds' }]);
    const declined = await charge(first);
    if (declined.result !== 'declined' || declined.gateway_ref === undefined) throw new Error('not declined');
    const token = `pm_${randomUUID()}`;
    await sim(`/payment_methods/${token}`, 'PUT', { type: 'card', customer: first.gateway_customer_ref });
    const second = { ...first, gateway_ref: declined.gateway_ref, token, key: `${first.key}b` };
    expect(await charge(second)).toMatchObject({ result: 'approved', gateway_ref: declined.gateway_ref });

    // A third attempt finds it paid: nothing more is charged, and the answer says with which method it was paid.
    const third = { ...first, gateway_ref: declined.gateway_ref, key: `${first.key}c` };
    expect(await charge(third)).toMatchObject({ result: 'approved', charged_token: token });
    expect((await ledger(first)).map((entry) => entry.status)).toEqual(['failed', 'succeeded']);
  });

  test('a decline carries every code, the network and what it left at the gateway', async () => {
    const step = {
      do: 'decline',
      decline_code: 'do_not_honor',
      advice_code: 'try_again_later',
      network_decline_code: '05',
      network_advice_code: '02',
    };
    const order = await given([step], { brand: 'mastercard' });
    expect(await charge(order)).toEqual({
      result: 'declined',
      gateway_ref: expect.stringMatching(/^pi_/),
      charge_ref: expect.stringMatching(/^ch_/),
      codes: {
        code: 'card_declined',
        decline_code: 'do_not_honor',
        advice_code: 'try_again_later',
        network_code: '05',
        network_advice_code: '02',
        network: 'mastercard',
      },
    });
  });

  test('a decline that comes in `code` alone has no decline code', async () => {
    const order = await given([{ do: 'decline', code: 'expired_card' }]);
    const answer = await charge(order);
    expect(answer).toMatchObject({ result: 'declined', codes: { code: 'expired_card', network: 'visa' } });
    expect(answer).not.toHaveProperty('codes.decline_code');
  });

  test('authentication that nobody is there for is a decline', async () => {
    expect(await charge(await given([{ do: 'requires_action' }]))).toMatchObject({
      result: 'declined',
      codes: { code: 'authentication_required', decline_code: 'authentication_required' },
    });
  });

  test('processing is pending, also for whoever confirms it again', async () => {
    const order = await given([{ do: 'processing' }]);
    const answer = await charge(order);
    expect(answer).toMatchObject({ result: 'pending', gateway_ref: expect.stringMatching(/^pi_/) });
    if (answer.result !== 'pending') return;
    const again = { ...order, gateway_ref: answer.gateway_ref, key: `${order.key}b` };
    expect(await charge(again)).toMatchObject({ result: 'pending', gateway_ref: answer.gateway_ref });
  });

  test.each(['error_500', 'drop_before_capture', 'drop_after_capture'])('%s is unknown', async (step) => {
    const order = await given([{ do: step }]);
    expect(await charge(order)).toMatchObject({ result: 'unknown' });
    const charges = await ledger(order);
    expect(charges.map((entry) => entry.status)).toEqual(step === 'drop_after_capture' ? ['succeeded'] : []);
  });

  test('a broken connection is not tried again behind our back', async () => {
    const order = await given([{ do: 'drop_before_capture' }]);
    await charge(order);
    const { data } = await sim<{ data: { idempotency_key?: string }[] }>('/requests');
    expect(data.filter((request) => request.idempotency_key === order.key)).toHaveLength(1);
  });

  test('the same key after a lost answer gets that answer, and charges nothing more', async () => {
    const order = await given([{ do: 'drop_after_capture' }]);
    expect(await charge(order)).toMatchObject({ result: 'unknown' });
    expect(await charge(order)).toMatchObject({ result: 'approved' });
    expect(await ledger(order)).toMatchObject([{ status: 'succeeded', requests: 2 }]);
  });

  test('the same key with another amount is unknown, never a new charge', async () => {
    const order = await given([]);
    await charge(order);
    expect(await charge({ ...order, amount: 9999 })).toMatchObject({ result: 'unknown' });
    expect(await ledger(order)).toHaveLength(1);
  });

  test('no answer in time is unknown, and so is the same key while the first request still runs', async () => {
    const order = await given([{ do: 'hold_before_capture' }]);
    expect(await charge(order, { timeoutMs: 200 })).toEqual({
      result: 'unknown',
      reason: 'no answer in time',
    });
    expect(await charge(order)).toMatchObject({ result: 'unknown', reason: expect.stringMatching(/^409/) });
    const hold = await oneHold();
    await sim(`/holds/${hold.id}/release`, 'POST');
    await until(async () => ((await ledger(order)).length === 1 ? true : undefined));
    expect(await charge(order)).toMatchObject({ result: 'approved' });
  });

  test('cancelled by its caller after sending, it is unknown', async () => {
    const order = await given([{ do: 'hold_after_capture' }]);
    const stop = new AbortController();
    const answer = charge(order, { signal: stop.signal });
    const hold = await oneHold();
    stop.abort();
    expect(await answer).toMatchObject({ result: 'unknown' });
    await sim(`/holds/${hold.id}/release`, 'POST');
    expect(await ledger(order)).toMatchObject([{ status: 'succeeded' }]);
  });

  test('cancelled before anything was sent, it was never sent', async () => {
    const order = await given([]);
    expect(await charge(order, { signal: AbortSignal.abort() })).toMatchObject({ result: 'not_sent' });
    expect(await ledger(order)).toEqual([]);
  });

  test('another request that holds the payment makes ours unknown', async () => {
    const order = await given([{ do: 'decline' }, { do: 'hold_before_capture' }]);
    const declined = await charge(order);
    if (declined.result !== 'declined' || declined.gateway_ref === undefined) throw new Error('not declined');
    const held = charge({ ...order, gateway_ref: declined.gateway_ref, key: `${order.key}b` });
    const hold = await oneHold();
    const answer = await charge({ ...order, gateway_ref: declined.gateway_ref, key: `${order.key}c` });
    expect(answer).toMatchObject({ result: 'unknown', reason: expect.stringContaining('lock_timeout') });
    await sim(`/holds/${hold.id}/release`, 'POST');
    expect(await held).toMatchObject({ result: 'approved' });
  });

  test.each([
    ['unknown at the gateway', () => `pm_${randomUUID()}`],
    ['detached', undefined],
  ])('a method that is %s is gone for good, the payment is not', async (_, other) => {
    const order = await given([]);
    if (other === undefined) await stripePost(`/v1/payment_methods/${order.token}/detach`);
    expect(await charge({ ...order, token: other?.() ?? order.token })).toMatchObject({
      result: 'declined',
      codes: { code: 'resource_missing' },
    });
  });

  test("somebody else's method is our own fault", async () => {
    const order = await given([]);
    const stranger = await given([]);
    expect(await charge({ ...order, token: stranger.token })).toMatchObject({
      result: 'declined',
      codes: { code: 'gateway_config_error' },
    });
  });

  test('a payment that was cancelled takes no more charges', async () => {
    const order = await given([{ do: 'decline' }]);
    const declined = await charge(order);
    if (declined.result !== 'declined' || declined.gateway_ref === undefined) throw new Error('not declined');
    expect(await gateway.cancelPayment(declined.gateway_ref, `cancel:${order.payment_id}`)).toBe('cancelled');
    expect(await charge({ ...order, gateway_ref: declined.gateway_ref, key: `${order.key}b` })).toMatchObject(
      { result: 'declined', codes: { code: 'gateway_config_error' } },
    );
  });

  test('a wrong API key is our own fault', async () => {
    const order = await given([]);
    const stranger = createStripeGateway({ apiKey: 'nonsense', apiBase: simulator.url });
    expect(await stranger.charge(order, { timeoutMs: 5000 })).toMatchObject({
      result: 'declined',
      codes: { code: 'gateway_config_error', reason: expect.stringMatching(/^401/) },
    });
  });
});

describe('what cannot be reached, or answers out of turn', () => {
  test('connection refused and name not found were never sent', async () => {
    const order = await given([]);
    const closed = await listen(() => {});
    await closed.close();
    for (const apiBase of [closed.url, 'http://gateway.invalid:8080']) {
      const nowhere = createStripeGateway({ apiKey: 'sk_test_1', apiBase });
      expect(await nowhere.charge(order, { timeoutMs: 5000 })).toMatchObject({ result: 'not_sent' });
    }
  });

  test.each([
    [
      429,
      { code: 'rate_limit', type: 'invalid_request_error' },
      { result: 'not_sent', retry_after_ms: 3000 },
    ],
    [429, { code: 'lock_timeout', type: 'invalid_request_error' }, { result: 'unknown' }],
    [409, { code: 'idempotency_key_in_use', type: 'idempotency_error' }, { result: 'unknown' }],
    [503, { type: 'api_error' }, { result: 'unknown' }],
    [403, { type: 'invalid_request_error' }, { result: 'declined', codes: { code: 'gateway_config_error' } }],
    [
      400,
      { type: 'invalid_request_error', code: 'amount_too_small', param: 'amount' },
      { result: 'declined', codes: { code: 'gateway_config_error' } },
    ],
    [
      402,
      { type: 'card_error', code: 'card_declined', payment_intent: { id: 'pi_1', status: 'succeeded' } },
      { result: 'approved', gateway_ref: 'pi_1' },
    ],
    [
      402,
      { type: 'card_error', code: 'card_declined', payment_intent: { id: 'pi_1', status: 'processing' } },
      { result: 'pending', gateway_ref: 'pi_1' },
    ],
  ])('%i %j', async (status, error, expected) => {
    const order = await given([]);
    const server = await listen((_, response) => {
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '3' });
      response.end(JSON.stringify({ error: { message: 'no', ...error } }));
    });
    const odd = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
    expect(await odd.charge(order, { timeoutMs: 5000 })).toMatchObject(expected);
    await server.close();
  });

  test.each([
    ['a page instead of JSON', '<html>'],
    ['a payment in no known state', JSON.stringify({ id: 'pi_1', status: 'requires_capture' })],
  ])('200 with %s is unknown', async (_, body) => {
    const order = await given([]);
    const server = await listen((_, response) => response.end(body));
    const odd = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
    expect(await odd.charge(order, { timeoutMs: 5000 })).toMatchObject({ result: 'unknown' });
    await server.close();
  });

  test('an answer that breaks off is unknown', async () => {
    const order = await given([]);
    const server = await listen((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"id":"pi_1","status":"succe');
      setTimeout(() => response.destroy(), 20);
    });
    const odd = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
    expect(await odd.charge(order, { timeoutMs: 5000 })).toMatchObject({ result: 'unknown' });
    await server.close();
  });

  test('everything but charges says which gateway is missing and how to get one', async () => {
    const nowhere = createStripeGateway({ apiKey: 'sk_test_1', apiBase: 'http://127.0.0.1:1' });
    await expect(nowhere.createCustomer({ customer_id: 'c', key: 'k' })).rejects.toMatchObject({
      type: 'gateway_unavailable',
      message: expect.stringMatching(/127\.0\.0\.1:1.*ECONNREFUSED.*STRIPE_API_BASE/),
    });
    await expect(nowhere.readPayment('pi_1')).rejects.toMatchObject({ type: 'gateway_unavailable' });
    expect(await nowhere.cancelPayment('pi_1', 'k')).toBe('unknown');
  });
});

describe('payments, customers, methods', () => {
  test('reads a payment in each state', async () => {
    expect(await gateway.readPayment('pi_nobody')).toBeUndefined();
    for (const [step, state] of [
      ['approve', 'succeeded'],
      ['decline', 'payable'],
      ['processing', 'processing'],
    ]) {
      const order = await given([{ do: step }]);
      const answer = await charge(order);
      const ref = 'gateway_ref' in answer ? (answer.gateway_ref ?? '') : '';
      expect(await gateway.readPayment(ref)).toEqual({
        gateway_ref: ref,
        state,
        gateway_customer_ref: order.gateway_customer_ref,
        amount: 1250,
        currency: 'USD',
      });
    }
  });

  test('cancels once, and knows when it is too late', async () => {
    const order = await given([{ do: 'decline' }]);
    const answer = await charge(order);
    const ref = 'gateway_ref' in answer ? (answer.gateway_ref ?? '') : '';
    expect(await gateway.cancelPayment(ref, 'a')).toBe('cancelled');
    expect(await gateway.cancelPayment(ref, 'b')).toBe('cancelled');
    expect(await gateway.readPayment(ref)).toMatchObject({ state: 'cancelled' });

    const paid = await charge(await given([]));
    if (paid.result !== 'approved') throw new Error('not approved');
    expect(await gateway.cancelPayment(paid.gateway_ref, 'c')).toBe('already_succeeded');

    const pending = await charge(await given([{ do: 'processing' }]));
    if (pending.result !== 'pending') throw new Error('not pending');
    expect(await gateway.cancelPayment(pending.gateway_ref, 'd')).toBe('unknown');
  });

  test('the same customer twice is one customer', async () => {
    const customer = { customer_id: randomUUID(), key: `customer:${randomUUID()}` };
    expect(await gateway.createCustomer(customer)).toEqual(await gateway.createCustomer(customer));
  });

  test('attaches a card and reads back what is known of it', async () => {
    const order = await given([], { brand: 'mastercard', last4: '4444', exp_month: 7, exp_year: 2031 });
    const again = { token: order.token, gateway_customer_ref: order.gateway_customer_ref, key: randomUUID() };
    expect(await gateway.attachPaymentMethod(again)).toEqual({
      result: 'attached',
      method: {
        token: order.token,
        type: 'card',
        gateway_customer_ref: order.gateway_customer_ref,
        brand: 'mastercard',
        network: 'mastercard',
        last_four: '4444',
        expiry_month: 7,
        expiry_year: 2031,
        funding: 'credit',
        country: 'US',
        instrument_fingerprint: `fp_${order.token}`,
      },
    });
  });

  test('refuses what the gateway will not attach, each with its reason', async () => {
    const order = await given([]);
    const stranger = await given([]);
    const attach = (token: string) =>
      gateway.attachPaymentMethod({
        token,
        gateway_customer_ref: order.gateway_customer_ref,
        key: randomUUID(),
      });
    expect(await attach(stranger.token)).toMatchObject({ result: 'refused', reason: 'other_customer' });
    expect(await attach(`pm_${randomUUID()}`)).toMatchObject({ result: 'refused', reason: 'not_found' });
    expect(await attach('pm_card_chargeDeclinedStolenCard')).toMatchObject({
      result: 'refused',
      reason: 'declined',
      codes: { code: 'card_declined', decline_code: 'stolen_card', network: 'visa' },
    });
    await expect(
      gateway.attachPaymentMethod({ token: order.token, gateway_customer_ref: 'cus_nobody', key: 'x' }),
    ).rejects.toMatchObject({ type: 'gateway_misconfigured', message: expect.stringContaining('customer') });
  });

  test.each([
    ['pm_card_amex', { type: 'card', brand: 'amex', network: 'amex', last_four: '8431' }],
    ['pm_usBankAccount_success', { type: 'bank_account', network: 'ach', last_four: '6789' }],
  ])("Stripe's test method %s becomes a method of its own", async (token, expected) => {
    const { gateway_customer_ref } = await gateway.createCustomer({ customer_id: 'c', key: randomUUID() });
    const answer = await gateway.attachPaymentMethod({ token, gateway_customer_ref, key: randomUUID() });
    if (answer.result !== 'attached') throw new Error('not attached');
    expect(answer.method).toMatchObject({ ...expected, gateway_customer_ref });
    expect(answer.method.token).not.toBe(token);
  });

  test('a card in a wallet is a wallet', async () => {
    const order = await given([], { wallet: 'apple_pay' });
    const again = { token: order.token, gateway_customer_ref: order.gateway_customer_ref, key: randomUUID() };
    expect(await gateway.attachPaymentMethod(again)).toMatchObject({ method: { type: 'digital_wallet' } });
  });
});

async function stripePost(path: string): Promise<void> {
  const response = await fetch(`${simulator.url}${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk_test_1' },
  });
  expect(response.status).toBe(200);
}

async function listen(handler: RequestListener): Promise<{ url: string; close(): Promise<void> }> {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, close };
}
