import { randomUUID } from 'node:crypto';
import { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createPaymentForm,
  type SimulatorFixture,
  startSimulatorFixture,
  until,
} from './simulator-fixture.ts';

let gateway: SimulatorFixture;

beforeAll(async () => {
  gateway = await startSimulatorFixture();
});
afterAll(() => gateway.close());

describe('idempotency keys', () => {
  test('replay status and body for 24 hours, even of a 500', async () => {
    const payer = await gateway.createPayer([{ do: 'error_500' }]);
    const key = randomUUID();
    const first = await gateway.createPayment(payer, key);
    const again = await gateway.createPayment(payer, key);
    expect([first.status, again.status]).toEqual([500, 500]);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await gateway.ledgerOf(payer.customer)).toHaveLength(0);
    await gateway.sim('POST', '/clock', { advance_s: 24 * 3600 });
    expect((await gateway.createPayment(payer, key)).status).toBe(200);
  });

  test('are refused with other parameters or another path', async () => {
    const payer = await gateway.createPayer([]);
    const key = randomUUID();
    await gateway.createPayment(payer, key);
    for (const other of [
      await gateway.createPayment(payer, key, { amount: '1' }),
      await gateway.post('/v1/customers', {}, key),
    ]) {
      expect(other.status).toBe(400);
      expect(other.body.error.type).toBe('idempotency_error');
    }
  });

  test('do not store a request that was refused before it was executed', async () => {
    const payer = await gateway.createPayer([]);
    const key = randomUUID();
    expect((await gateway.createPayment(payer, key, { currency: 'dollars' })).status).toBe(400);
    expect((await gateway.createPayment(payer, key)).status).toBe(200);
  });

  test('replay a lost response, but not a lost request', async () => {
    const payer = await gateway.createPayer([{ do: 'drop_before_capture' }, { do: 'drop_after_capture' }]);
    const key = randomUUID();
    await expect(gateway.createPayment(payer, key)).rejects.toThrow();
    expect(await gateway.ledgerOf(payer.customer)).toHaveLength(0);
    await expect(gateway.createPayment(payer, key)).rejects.toThrow();
    expect((await gateway.createPayment(payer, key)).body.status).toBe('succeeded');
    expect(await gateway.ledgerOf(payer.customer)).toMatchObject([{ idempotency_key: key, requests: 3 }]);
  });
});

describe('holds', () => {
  test('a held request continues when released, even if its client has disconnected', async () => {
    const payer = await gateway.createPayer([{ do: 'hold_before_capture' }]);
    const key = randomUUID();
    const stop = new AbortController();
    const lost = fetch(`${gateway.url}/v1/payment_intents`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk_test_1', 'idempotency-key': key },
      body: new URLSearchParams(createPaymentForm(payer)),
      signal: stop.signal,
    }).catch(() => undefined);
    const hold = await until(async () => (await gateway.sim('GET', '/holds')).body.data[0]);
    expect(hold).toEqual({
      id: expect.any(String),
      step: 'hold_before_capture',
      idempotency_key: key,
      payment_method: payer.method,
    });
    expect((await gateway.createPayment(payer, key)).body.error.code).toBe('idempotency_key_in_use');
    expect((await gateway.get(`/v1/payment_intents?customer=${payer.customer}`)).body.data).toEqual([]);
    stop.abort();
    await lost;
    // After one round trip the simulator has noticed the disconnect.
    await gateway.sim('GET', '/holds');
    expect((await gateway.sim('POST', `/holds/${hold.id}/release`)).status).toBe(200);
    await until(async () => ((await gateway.ledgerOf(payer.customer)).length === 1 ? true : undefined));
    expect((await gateway.createPayment(payer, key)).body.status).toBe('succeeded');
    await until(() =>
      gateway.typesOf(payer.customer).includes('payment_intent.succeeded') ? true : undefined,
    );
    expect((await gateway.sim('POST', `/holds/${hold.id}/release`)).status).toBe(404);
  });

  test('only one request at a time can change a payment', async () => {
    const payer = await gateway.createPayer([{ do: 'decline' }, { do: 'hold_after_capture' }]);
    const id = (await gateway.createPayment(payer)).body.error.payment_intent.id;
    const confirm = `/v1/payment_intents/${id}/confirm`;
    const held = gateway.post(confirm, { payment_method: payer.method });
    const hold = await until(async () => (await gateway.sim('GET', '/holds')).body.data[0]);
    expect(hold.payment_intent).toBe(id);
    const other = await gateway.post(confirm, { payment_method: payer.method });
    expect([other.status, other.body.error.code]).toEqual([429, 'lock_timeout']);
    expect((await gateway.get(`/v1/payment_intents/${id}`)).body.status).toBe('succeeded');
    await gateway.sim('POST', `/holds/${hold.id}/release`);
    expect((await held).body.status).toBe('succeeded');
  });

  test('a reset ends delayed requests', async () => {
    const payer = await gateway.createPayer([{ do: 'approve', delay_ms: 100 }]);
    const delayed = expect(gateway.createPayment(payer)).rejects.toThrow();
    await until(async () => (await gateway.sim('GET', '/requests')).body.data.at(-1));
    await gateway.sim('POST', '/reset');
    await delayed;
    expect((await gateway.sim('GET', '/charges')).body.data).toEqual([]);
  });

  test('a reset deletes all state and ends held requests', async () => {
    const payer = await gateway.createPayer([{ do: 'hold_before_capture' }]);
    const held = gateway.createPayment(payer);
    const cut = expect(held).rejects.toThrow();
    await until(async () => (await gateway.sim('GET', '/holds')).body.data[0]);
    await gateway.sim('POST', '/reset');
    await cut;
    for (const list of ['/holds', '/charges', '/requests']) {
      expect((await gateway.sim('GET', list)).body.data).toEqual([]);
    }
    expect((await gateway.get(`/v1/payment_methods/${payer.method}`)).status).toBe(404);
  });
});

describe('lists', () => {
  test('are sorted newest first, paged, and filtered by creation time', async () => {
    await gateway.sim('POST', '/reset');
    const payer = await gateway.createPayer([]);
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      ids.unshift((await gateway.createPayment(payer)).body.id);
      await gateway.sim('POST', '/clock', { advance_s: 10 });
    }
    const stripe = new Stripe('sk_test_1', {
      host: '127.0.0.1',
      port: new URL(gateway.url).port,
      protocol: 'http',
    });
    const listed = await stripe.paymentIntents
      .list({ customer: payer.customer, limit: 2 })
      .autoPagingToArray({ limit: 10 });
    expect(listed.map((intent) => intent.id)).toEqual(ids);
    const since = listed[1]?.created ?? 0;
    const late = await gateway.get(`/v1/payment_intents?created[gte]=${since}`);
    expect(late.body.data.map((intent: { id: string }) => intent.id)).toEqual(ids.slice(0, 2));
    const back = await gateway.get(`/v1/payment_intents?ending_before=${ids[2]}&limit=1`);
    expect(back.body.data[0].id).toBe(ids[1]);
    const expanded = await gateway.get(`/v1/payment_intents?limit=1&expand[]=data.latest_charge`);
    expect(expanded.body.data[0].latest_charge).toMatchObject({ object: 'charge', status: 'succeeded' });
  });
});
