/** A gateway that fails every charge for a while: a few charges are unknown, the rest are not sent, none is made twice. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ChargeOrder } from '../../domain/ports.ts';
import { type StripeFixture, startHttpServer, startStripeFixture } from '../../test/stripe-fixture.ts';
import { createStripeGateway } from './gateway.ts';

const CHARGES = 50;

let stripe: StripeFixture;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  stripe = await startStripeFixture();
});
afterEach(async () => {
  vi.useRealTimers();
  await stripe.close();
});

async function due(script: object[]): Promise<ChargeOrder[]> {
  return Promise.all(Array.from({ length: CHARGES }, () => stripe.createChargeOrder(script)));
}

async function chargeAll(orders: readonly ChargeOrder[]) {
  const results: string[] = [];
  for (const order of orders) results.push((await stripe.charge(order)).result);
  return results;
}

const count = (results: readonly string[], result: string) => results.filter((one) => one === result).length;

test('of many due charges twenty are unknown; the others succeed afterwards, each once', async () => {
  const orders = await due([{ do: 'error_500' }]);
  const results = await chargeAll(orders);
  expect([count(results, 'unknown'), count(results, 'not_sent')]).toEqual([20, CHARGES - 20]);

  const waiting = orders.filter((_, index) => results[index] === 'not_sent');
  for (const { token, gateway_customer_ref: customer } of waiting)
    await stripe.sim(`/payment_methods/${token}`, 'PUT', { customer, script: [] });
  vi.setSystemTime(Date.now() + 30_000);
  const again = waiting.map((order) => ({ ...order, key: `${order.key}b` }));
  expect(count(await chargeAll(again), 'approved')).toBe(waiting.length);
  for (const order of waiting)
    expect(await stripe.ledger(order)).toMatchObject([{ status: 'succeeded', requests: 1 }]);
});

test('declines by issuers do not count as gateway failures', async () => {
  const results = await chargeAll(await due([{ do: 'decline', decline_code: 'insufficient_funds' }]));
  expect(count(results, 'declined')).toBe(CHARGES);
});

const error = JSON.stringify({ error: { type: 'invalid_request_error', message: 'not now' } });

test.each([
  ['429', 429, error, 'not_sent'],
  ['503', 503, error, 'unknown'],
  ['an HTML page', 200, '<html>', 'unknown'],
])('a gateway that responds with %s is called twenty times', async (_, status, body, result) => {
  let asked = 0;
  const server = await startHttpServer((_request, response) => {
    asked++;
    response.writeHead(status).end(body);
  });
  const states: string[] = [];
  const failing = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url }, (state) => {
    states.push(state);
  });
  const order = await stripe.createChargeOrder([]);
  const results: string[] = [];
  for (let n = 0; n < 30; n++) results.push((await failing.charge(order, { timeoutMs: 5_000 })).result);
  await server.close();
  expect(results.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => result));
  expect(asked).toBe(20);
  expect(states).toEqual(['open']);
});

test('charges aborted by the caller do not count', async () => {
  const silent = await startHttpServer(() => {});
  const states: string[] = [];
  const away = createStripeGateway({ apiKey: 'sk_test_1', apiBase: silent.url }, (state) => {
    states.push(state);
  });
  const order = await stripe.createChargeOrder([]);
  for (let n = 0; n < 30; n++) {
    const off = new AbortController();
    const answer = away.charge(order, { timeoutMs: 5_000, signal: off.signal });
    off.abort();
    expect((await answer).result).not.toBe('approved');
  }
  await silent.close();
  expect(states).toEqual([]);
});
