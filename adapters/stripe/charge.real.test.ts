import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classify } from '../../domain/decline/classify.ts';
import type { ChargeOrder } from '../../domain/ports.ts';
import { type StripeFixture, startStripeFixture, until } from '../../test/stripe-fixture.ts';
import { createStripeGateway } from './gateway.ts';

let stripe: StripeFixture;

beforeAll(async () => {
  stripe = await startStripeFixture();
});
afterAll(() => stripe.close());

describe('charge', () => {
  test('creates the payment with all contract fields and confirms it in one request', async () => {
    const order = await stripe.createChargeOrder([]);
    const answer = await stripe.charge(order);
    expect(answer).toEqual({
      result: 'approved',
      gateway_ref: expect.stringMatching(/^pi_/),
      charge_ref: expect.stringMatching(/^ch_/),
    });
    const requests = await stripe.sim<{ data: { path: string; idempotency_key?: string; body: unknown }[] }>(
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
    const first = await stripe.createChargeOrder([{ do: 'decline', decline_code: 'insufficient_funds' }]);
    const declined = await stripe.charge(first);
    if (declined.result !== 'declined' || declined.gateway_ref === undefined) throw new Error('not declined');
    const token = `pm_${randomUUID()}`;
    await stripe.sim(`/payment_methods/${token}`, 'PUT', {
      type: 'card',
      customer: first.gateway_customer_ref,
    });
    const second = { ...first, gateway_ref: declined.gateway_ref, token, key: `${first.key}b` };
    expect(await stripe.charge(second)).toMatchObject({
      result: 'approved',
      gateway_ref: declined.gateway_ref,
    });

    // A third attempt finds it paid: nothing more is charged, and the result names the method that paid.
    const third = { ...first, gateway_ref: declined.gateway_ref, key: `${first.key}c` };
    expect(await stripe.charge(third)).toMatchObject({ result: 'approved', charged_token: token });
    expect((await stripe.ledger(first)).map((entry) => entry.status)).toEqual(['failed', 'succeeded']);
  });

  test('a decline carries every code, the network and its references at the gateway', async () => {
    const step = {
      do: 'decline',
      decline_code: 'do_not_honor',
      advice_code: 'try_again_later',
      network_decline_code: '05',
      network_advice_code: '02',
    };
    const order = await stripe.createChargeOrder([step], { brand: 'mastercard' });
    expect(await stripe.charge(order)).toEqual({
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

  test('a decline reported only in `code` has no decline code', async () => {
    const order = await stripe.createChargeOrder([{ do: 'decline', code: 'expired_card' }]);
    const answer = await stripe.charge(order);
    expect(answer).toMatchObject({ result: 'declined', codes: { code: 'expired_card', network: 'visa' } });
    expect(answer).not.toHaveProperty('codes.decline_code');
  });

  test('a required authentication is a decline, since the customer is not present', async () => {
    expect(await stripe.charge(await stripe.createChargeOrder([{ do: 'requires_action' }]))).toMatchObject({
      result: 'declined',
      codes: { code: 'authentication_required', decline_code: 'authentication_required' },
    });
  });

  test('processing is pending, also when it is confirmed again', async () => {
    const order = await stripe.createChargeOrder([{ do: 'processing' }]);
    const answer = await stripe.charge(order);
    expect(answer).toMatchObject({ result: 'pending', gateway_ref: expect.stringMatching(/^pi_/) });
    if (answer.result !== 'pending') return;
    const again = { ...order, gateway_ref: answer.gateway_ref, key: `${order.key}b` };
    expect(await stripe.charge(again)).toMatchObject({ result: 'pending', gateway_ref: answer.gateway_ref });
  });

  test.each(['error_500', 'drop_before_capture', 'drop_after_capture'])('%s is unknown', async (step) => {
    const order = await stripe.createChargeOrder([{ do: step }]);
    expect(await stripe.charge(order)).toMatchObject({ result: 'unknown' });
    const charges = await stripe.ledger(order);
    expect(charges.map((entry) => entry.status)).toEqual(step === 'drop_after_capture' ? ['succeeded'] : []);
  });

  test('the SDK does not retry after a broken connection', async () => {
    const order = await stripe.createChargeOrder([{ do: 'drop_before_capture' }]);
    await stripe.charge(order);
    const { data } = await stripe.sim<{ data: { idempotency_key?: string }[] }>('/requests');
    expect(data.filter((request) => request.idempotency_key === order.key)).toHaveLength(1);
  });

  test('a repeat with the same key after a lost response gets that response and charges nothing more', async () => {
    const order = await stripe.createChargeOrder([{ do: 'drop_after_capture' }]);
    expect(await stripe.charge(order)).toMatchObject({ result: 'unknown' });
    expect(await stripe.charge(order)).toMatchObject({ result: 'approved' });
    expect(await stripe.ledger(order)).toMatchObject([{ status: 'succeeded', requests: 2 }]);
  });

  test('the same key with another amount is unknown, never a new charge', async () => {
    const order = await stripe.createChargeOrder([]);
    await stripe.charge(order);
    expect(await stripe.charge({ ...order, amount: 9999 })).toMatchObject({ result: 'unknown' });
    expect(await stripe.ledger(order)).toHaveLength(1);
  });

  test('a timeout is unknown, and so is the same key while the first request is still running', async () => {
    const order = await stripe.createChargeOrder([{ do: 'hold_before_capture' }]);
    expect(await stripe.charge(order, { timeoutMs: 200 })).toEqual({
      result: 'unknown',
      reason: 'no response in time',
    });
    expect(await stripe.charge(order)).toMatchObject({
      result: 'unknown',
      reason: expect.stringMatching(/^409/),
    });
    const hold = await stripe.firstHold();
    await stripe.sim(`/holds/${hold.id}/release`, 'POST');
    await until(async () => ((await stripe.ledger(order)).length === 1 ? true : undefined));
    expect(await stripe.charge(order)).toMatchObject({ result: 'approved' });
  });

  test('a charge aborted after sending is unknown', async () => {
    const order = await stripe.createChargeOrder([{ do: 'hold_after_capture' }]);
    const stop = new AbortController();
    const answer = stripe.charge(order, { signal: stop.signal });
    const hold = await stripe.firstHold();
    stop.abort();
    expect(await answer).toMatchObject({ result: 'unknown' });
    await stripe.sim(`/holds/${hold.id}/release`, 'POST');
    expect(await stripe.ledger(order)).toMatchObject([{ status: 'succeeded' }]);
  });

  test('a charge aborted before sending is not sent', async () => {
    const order = await stripe.createChargeOrder([]);
    expect(await stripe.charge(order, { signal: AbortSignal.abort() })).toMatchObject({ result: 'not_sent' });
    expect(await stripe.ledger(order)).toEqual([]);
  });

  test('a charge of a payment that is locked by another request is unknown', async () => {
    const order = await stripe.createChargeOrder([{ do: 'decline' }, { do: 'hold_before_capture' }]);
    const declined = await stripe.charge(order);
    if (declined.result !== 'declined' || declined.gateway_ref === undefined) throw new Error('not declined');
    const held = stripe.charge({ ...order, gateway_ref: declined.gateway_ref, key: `${order.key}b` });
    const hold = await stripe.firstHold();
    const answer = await stripe.charge({ ...order, gateway_ref: declined.gateway_ref, key: `${order.key}c` });
    expect(answer).toMatchObject({ result: 'unknown', reason: expect.stringContaining('lock_timeout') });
    await stripe.sim(`/holds/${hold.id}/release`, 'POST');
    expect(await held).toMatchObject({ result: 'approved' });
  });

  test.each([
    ['unknown at the gateway', () => `pm_${randomUUID()}`],
    ['detached', undefined],
  ])('a method that is %s fails for good, the payment stays chargeable', async (_, other) => {
    const order = await stripe.createChargeOrder([]);
    if (other === undefined) await stripe.detach(order.token);
    expect(await stripe.charge({ ...order, token: other?.() ?? order.token })).toMatchObject({
      result: 'declined',
      codes: { code: 'resource_missing' },
    });
  });

  test("another customer's method is a configuration error", async () => {
    const order = await stripe.createChargeOrder([]);
    const other = await stripe.createChargeOrder([]);
    expect(await stripe.charge({ ...order, token: other.token })).toMatchObject({
      result: 'declined',
      codes: { code: 'gateway_config_error' },
    });
  });

  test.each([
    ['without a reason', undefined, {}],
    ['abandoned', 'abandoned', {}],
    ['not to be collected', 'requested_by_customer', { because: 'requested_by_customer' }],
  ])('a cancelled payment (%s) accepts no more charges: nothing was sent', async (_, reason, because) => {
    const order = await stripe.createChargeOrder([{ do: 'decline' }]);
    const declined = await stripe.charge(order);
    if (declined.result !== 'declined' || declined.gateway_ref === undefined) throw new Error('not declined');
    const { gateway_ref } = declined;
    await stripe.cancel(gateway_ref, reason);
    expect(await stripe.charge({ ...order, gateway_ref, key: `${order.key}b` })).toEqual({
      result: 'not_sent',
      reason: expect.stringContaining('payment_intent_unexpected_state'),
      cancelled: { gateway_ref, ...because },
    });
  });

  test.each([
    ['HARD', (order: ChargeOrder) => ({ ...order, token: `pm_${randomUUID()}` }), []],
    ['CONFIG', (order: ChargeOrder) => ({ ...order, amount: 0 }), []],
    ['AUTH', (order: ChargeOrder) => order, [{ do: 'requires_action' }]],
    ['FIX', (order: ChargeOrder) => order, [{ do: 'decline', code: 'expired_card' }]],
  ])('the decline table classifies it as %s', async (expected, changed, script) => {
    const answer = await stripe.charge(changed(await stripe.createChargeOrder(script)));
    if (answer.result !== 'declined') throw new Error(JSON.stringify(answer));
    expect(classify(answer.codes, { type: 'card', network: 'visa' }, Date.now()).class).toBe(expected);
  });

  test('an invalid API key is a configuration error', async () => {
    const order = await stripe.createChargeOrder([]);
    const other = createStripeGateway({ apiKey: 'nonsense', apiBase: stripe.url });
    expect(await other.charge(order, { timeoutMs: 5000 })).toMatchObject({
      result: 'declined',
      codes: { code: 'gateway_config_error', reason: expect.stringMatching(/^401/) },
    });
  });
});
