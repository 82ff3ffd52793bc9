import { createHmac, randomUUID } from 'node:crypto';
import { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SimulatorFixture, SECRET, startSimulatorFixture, until } from './simulator-fixture.ts';

let gateway: SimulatorFixture;

beforeAll(async () => {
  gateway = await startSimulatorFixture();
});
afterAll(() => gateway.close());

describe('webhooks', () => {
  test('are signed as at Stripe, and name the idempotency key of the request that caused them', async () => {
    const payer = await gateway.createPayer([]);
    const key = randomUUID();
    await gateway.createPayment(payer, key);
    const delivery = await until(() => gateway.eventsOf(payer.customer)[0]);
    expect(delivery.event).toMatchObject({
      type: 'payment_intent.succeeded',
      data: { object: { customer: payer.customer } },
      request: { id: expect.stringMatching(/^req_/), idempotency_key: key },
    });
    const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(delivery.signature) ?? [];
    expect(v1).toBe(createHmac('sha256', SECRET).update(`${t}.${delivery.text}`).digest('hex'));
    const stripe = new Stripe('sk_test_1');
    expect(stripe.webhooks.constructEvent(delivery.text, delivery.signature, SECRET).id).toBe(
      delivery.event.id,
    );
  });

  test('are sent before the response, twice or never, according to the step', async () => {
    const before = await gateway.createPayer([{ do: 'hold_after_capture', webhook: 'before' }]);
    const held = gateway.createPayment(before);
    const hold = await until(async () => (await gateway.sim('GET', '/holds')).body.data[0]);
    expect(gateway.typesOf(before.customer)).toEqual(['payment_intent.succeeded']);
    await gateway.sim('POST', `/holds/${hold.id}/release`);
    await held;

    const twice = await gateway.createPayer([{ do: 'decline', webhook: 'twice' }]);
    await gateway.createPayment(twice);
    await until(() => (gateway.eventsOf(twice.customer).length === 2 ? true : undefined));
    const ids = gateway.eventsOf(twice.customer).map(({ event }) => event.id);
    expect(ids[0]).toBe(ids[1]);
    expect(gateway.typesOf(twice.customer)).toEqual(Array(2).fill('payment_intent.payment_failed'));

    const none = await gateway.createPayer([{ do: 'approve', webhook: 'none' }]);
    await gateway.createPayment(none);
    // A later event of another customer has arrived, so an earlier one would have arrived, too.
    const later = await gateway.createPayer([]);
    await gateway.createPayment(later);
    await until(() => gateway.eventsOf(later.customer)[0]);
    expect(gateway.eventsOf(none.customer)).toEqual([]);
  });

  test('are lost while configured to be, and not delivered later', async () => {
    await gateway.sim('PUT', '/webhooks', { lost: true });
    const lost = await gateway.createPayer([]);
    await gateway.createPayment(lost);
    expect((await gateway.sim('PUT', '/webhooks', { lost: 'no' })).status).toBe(400);
    await gateway.sim('PUT', '/webhooks', { lost: false });
    const later = await gateway.createPayer([]);
    await gateway.createPayment(later);
    await until(() => gateway.eventsOf(later.customer)[0]);
    expect(gateway.eventsOf(lost.customer)).toEqual([]);
    expect(await gateway.ledgerOf(lost.customer)).toMatchObject([{ status: 'succeeded' }]);
  });

  test('are redelivered until the receiver accepts them', async () => {
    const payer = await gateway.createPayer([]);
    gateway.receiverStatuses.push(500, 503);
    await gateway.createPayment(payer);
    await until(() => (gateway.eventsOf(payer.customer).length === 3 ? true : undefined));
    expect(new Set(gateway.eventsOf(payer.customer).map(({ event }) => event.id)).size).toBe(1);
  });
});
