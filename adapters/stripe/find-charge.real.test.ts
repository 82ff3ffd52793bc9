import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ChargeOrder, ChargeQuery, FoundCharge } from '../../domain/ports.ts';
import { type StripeFixture, startHttpServer, startStripeFixture, until } from '../../test/stripe-fixture.ts';
import { createStripeGateway } from './gateway.ts';

let stripe: StripeFixture;

beforeAll(async () => {
  stripe = await startStripeFixture();
});
afterAll(() => stripe.close());

const MINUTE = 60_000;

/** Milliseconds by which the gateway's clock has been advanced so far. */
let advanced = 0;

/** The query for the order's attempt, as if it had been claimed `later` milliseconds from now. */
function query(order: ChargeOrder, more: Partial<ChargeQuery> = {}, later = 0): ChargeQuery {
  const { payment_id, gateway_customer_ref, token } = order;
  return { payment_id, gateway_customer_ref, token, claimed_at: Date.now() + advanced + later, ...more };
}

async function advance(milliseconds: number): Promise<void> {
  await stripe.sim('/clock', 'POST', { advance_s: milliseconds / 1000 });
  advanced += milliseconds;
}

/** Charges, and returns the order that confirms the same payment again under another key. */
async function charged(order: ChargeOrder): Promise<ChargeOrder & { gateway_ref: string }> {
  const answer = await stripe.charge(order);
  if (!('gateway_ref' in answer) || answer.gateway_ref === undefined) throw new Error(JSON.stringify(answer));
  return { ...order, key: `${order.key}+`, gateway_ref: answer.gateway_ref };
}

/** The same payment with another method of the customer. */
async function withOtherMethod<T extends ChargeOrder>(order: T, script: object[]): Promise<T> {
  const token = `pm_${randomUUID()}`;
  await stripe.sim(`/payment_methods/${token}`, 'PUT', {
    type: 'card',
    customer: order.gateway_customer_ref,
    script,
  });
  return { ...order, token, key: `${order.key}/${token}` };
}

const find = (asked: ChargeQuery): Promise<FoundCharge> => stripe.gateway.findCharge(asked);

describe.each([
  ['by the reference of its payment', true],
  ["among the customer's payments", false],
])('an attempt is found %s', (_, known) => {
  async function foundAfter(script: object[]) {
    const order = await stripe.createChargeOrder(script);
    const { gateway_ref } = await charged(order);
    const found = await find(query(order, known ? { gateway_ref } : {}));
    return { found, gateway_ref };
  }

  test('approved, with its charge', async () => {
    const { found, gateway_ref } = await foundAfter([]);
    expect(found).toEqual({
      result: 'approved',
      gateway_ref,
      charge_ref: expect.stringMatching(/^ch_/),
    });
  });

  test('pending while its charge is processing', async () => {
    const { found, gateway_ref } = await foundAfter([{ do: 'processing' }]);
    expect(found).toEqual({ result: 'pending', gateway_ref, charge_ref: expect.stringMatching(/^ch_/) });
  });

  test('declined with every code of its charge', async () => {
    const { found, gateway_ref } = await foundAfter([
      {
        do: 'decline',
        decline_code: 'do_not_honor',
        advice_code: 'try_again_later',
        network_decline_code: '05',
        network_advice_code: '02',
      },
    ]);
    expect(found).toEqual({
      result: 'declined',
      gateway_ref,
      charge_ref: expect.stringMatching(/^ch_/),
      codes: {
        code: 'card_declined',
        decline_code: 'do_not_honor',
        advice_code: 'try_again_later',
        network_code: '05',
        network_advice_code: '02',
        network: 'visa',
      },
    });
  });

  test('approved although its response was lost', async () => {
    const order = await stripe.createChargeOrder([{ do: 'drop_after_capture' }]);
    expect(await stripe.charge(order)).toMatchObject({ result: 'unknown' });
    const [entry] = await stripe.ledger(order);
    const reference = known ? { gateway_ref: entry?.payment_intent ?? '' } : {};
    expect(await find(query(order, reference))).toMatchObject({
      result: 'approved',
      gateway_ref: entry?.payment_intent,
    });
    expect(await stripe.ledger(order)).toHaveLength(1);
  });
});

describe('an attempt on a payment with earlier attempts', () => {
  test('is not charged if it never arrived, even if an earlier attempt left a charge', async () => {
    const first = await charged(await stripe.createChargeOrder([{ do: 'decline' }]));
    const second = await withOtherMethod(first, [{ do: 'drop_before_capture' }]);
    expect(await stripe.charge(second)).toMatchObject({ result: 'unknown' });
    const { gateway_ref } = first;
    expect(await find(query(second, { gateway_ref }))).toEqual({ result: 'not_charged', gateway_ref });
    expect(await find(query(first, { gateway_ref }))).toMatchObject({ result: 'declined' });
  });

  test.each([
    [undefined, {}],
    ['duplicate', { because: 'duplicate' }],
  ])(
    'is not charged if the payment was cancelled (%s), and the cancellation is reported',
    async (reason, because) => {
      const first = await charged(await stripe.createChargeOrder([{ do: 'decline' }]));
      const second = await withOtherMethod(first, []);
      const { gateway_ref } = first;
      await stripe.cancel(gateway_ref, reason);
      const cancelled = { gateway_ref, ...because };
      const found = { result: 'not_charged', gateway_ref, cancelled };
      expect(await find(query(second, { gateway_ref }))).toEqual(found);
    },
  );

  test('is not charged while it is held at the gateway, and is found once it is released', async () => {
    const first = await charged(await stripe.createChargeOrder([{ do: 'decline' }]));
    const second = await withOtherMethod(first, [{ do: 'hold_before_capture' }]);
    const asked = query(second, { gateway_ref: first.gateway_ref });
    expect(await stripe.charge(second, { timeoutMs: 200 })).toMatchObject({ result: 'unknown' });
    expect(await find(asked)).toMatchObject({ result: 'not_charged' });
    const hold = await stripe.firstHold();
    await stripe.sim(`/holds/${hold.id}/release`, 'POST');
    await until(async () => ((await find(asked)).result === 'approved' ? true : undefined));
  });

  test('is distinguished from the decline of another method', async () => {
    const first = await charged(
      await stripe.createChargeOrder([
        { do: 'decline', decline_code: 'insufficient_funds', network_decline_code: '51' },
      ]),
    );
    const second = await withOtherMethod(first, [{ do: 'decline', code: 'expired_card' }]);
    await charged(second);
    const { gateway_ref } = first;
    const codesOf = async (order: ChargeOrder) => {
      const found = await find(query(order, { gateway_ref }));
      return found.result === 'declined' ? found.codes : found;
    };
    expect(await codesOf(first)).toEqual({
      code: 'card_declined',
      decline_code: 'insufficient_funds',
      network_code: '51',
      network: 'visa',
    });
    expect(await codesOf(second)).toEqual({ code: 'expired_card', network: 'visa' });
  });

  test('is distinguished from an earlier charge with the same method by the time of its claim', async () => {
    const script = [
      { do: 'decline', decline_code: 'insufficient_funds' },
      { do: 'decline', decline_code: 'do_not_honor' },
    ];
    const order = await stripe.createChargeOrder(script);
    const first = query(order);
    const again = await charged(order);
    const { gateway_ref } = again;
    const late = { gateway_ref, claimed_at: first.claimed_at + 10 * MINUTE };
    expect(await find(query(order, late))).toEqual({ result: 'not_charged', gateway_ref });

    await advance(10 * MINUTE);
    await charged(again);
    const codes = { code: 'card_declined', network: 'visa' };
    expect(await find(query(order, late))).toMatchObject({
      codes: { ...codes, decline_code: 'do_not_honor' },
    });
    // Both charges are newer than the first claim; the first of them belongs to it.
    expect(await find({ ...first, gateway_ref })).toMatchObject({
      codes: { ...codes, decline_code: 'insufficient_funds' },
    });
  });

  test("is matched even if the gateway's clock lags slightly", async () => {
    const order = await charged(await stripe.createChargeOrder([{ do: 'decline' }]));
    const { gateway_ref } = order;
    const ahead = (milliseconds: number) => query(order, { gateway_ref }, milliseconds);
    expect(await find(ahead(20_000))).toMatchObject({ result: 'declined' });
    expect(await find(ahead(40_000))).toMatchObject({ result: 'not_charged' });
  });

  test('is approved if the payment was paid with another method, which is named', async () => {
    const first = await charged(await stripe.createChargeOrder([{ do: 'decline' }]));
    const second = await withOtherMethod(first, []);
    await charged(second);
    const { gateway_ref } = first;
    const [, paid] = await stripe.ledger(first);
    const approved = { result: 'approved', gateway_ref, charge_ref: paid?.charge };
    expect(await find(query(first, { gateway_ref }))).toEqual({ ...approved, charged_token: second.token });
    expect(await find(query(second, { gateway_ref }))).toEqual(approved);
  });

  test('is found behind a hundred other charges', async () => {
    const order = await stripe.createChargeOrder([{ do: 'decline', decline_code: 'lost_card' }]);
    const first = await charged(order);
    const many = await withOtherMethod(first, Array(105).fill({ do: 'decline' }));
    for (let n = 0; n < 105; n += 1) await stripe.charge({ ...many, key: `${many.key}:${n}` });
    expect(await find(query(first, { gateway_ref: first.gateway_ref }))).toMatchObject({
      codes: { decline_code: 'lost_card' },
    });
  });

  test('is pending during a bank debit, then declined with the reason', async () => {
    const order = await stripe.createChargeOrder([
      { do: 'processing', code: 'insufficient_funds', settle: { after_ms: 1000, outcome: 'failed' } },
    ]);
    const { gateway_ref } = await charged(order);
    const asked = query(order, { gateway_ref });
    expect(await find(asked)).toMatchObject({ result: 'pending' });
    await advance(1000);
    expect(await find(asked)).toMatchObject({
      result: 'declined',
      codes: { code: 'insufficient_funds' },
    });
  });
});

describe('without a reference', () => {
  test('its own success takes precedence over an external payment for the same obligation', async () => {
    const order = await stripe.createChargeOrder([]);
    const { gateway_ref } = await charged(order);
    const elsewhere = await withOtherMethod(order, []);
    const externalPayment = await charged(elsewhere);
    expect(externalPayment.gateway_ref).not.toBe(gateway_ref);
    expect(await find(query(order))).toMatchObject({ result: 'approved', gateway_ref });
    expect(await find(query(elsewhere))).toMatchObject({ gateway_ref: externalPayment.gateway_ref });
  });

  test('it is absent without a payment, also if other payments exist', async () => {
    const order = await stripe.createChargeOrder([]);
    expect(await find(query(order))).toEqual({ result: 'absent' });
    await charged(order);
    expect(await find(query(order, { payment_id: 'inv_other' }))).toEqual({ result: 'absent' });
    const otherCustomer = await stripe.createChargeOrder([]);
    expect(await find(query(order, { gateway_customer_ref: otherCustomer.gateway_customer_ref }))).toEqual({
      result: 'absent',
    });
  });

  test('it is absent while its request is held before it takes effect', async () => {
    const order = await stripe.createChargeOrder([{ do: 'hold_before_capture' }]);
    expect(await stripe.charge(order, { timeoutMs: 200 })).toMatchObject({ result: 'unknown' });
    expect(await find(query(order))).toEqual({ result: 'absent' });
    const hold = await stripe.firstHold();
    await stripe.sim(`/holds/${hold.id}/release`, 'POST');
    await until(async () => ((await find(query(order))).result === 'approved' ? true : undefined));
  });

  test('a payment from more than five minutes before the claim is ignored', async () => {
    const order = await stripe.createChargeOrder([]);
    await charged(order);
    expect(await find(query(order, {}, 4 * MINUTE))).toMatchObject({ result: 'approved' });
    expect(await find(query(order, {}, 6 * MINUTE))).toEqual({ result: 'absent' });
  });

  test('a cancelled payment is ignored', async () => {
    const order = await stripe.createChargeOrder([{ do: 'decline' }]);
    const { gateway_ref } = await charged(order);
    await stripe.gateway.cancelPayment(gateway_ref);
    expect(await find(query(order))).toEqual({ result: 'absent' });
    // With its reference, the attempt's outcome can still be read.
    expect(await find(query(order, { gateway_ref }))).toMatchObject({ result: 'declined' });
    const reopened = { ...order, key: randomUUID() };
    const next = await charged(reopened);
    expect(await find(query(reopened))).toMatchObject({ result: 'approved', gateway_ref: next.gateway_ref });
  });

  test('a payment cancelled as not to be collected is reported if it was created since the claim', async () => {
    const order = await stripe.createChargeOrder([{ do: 'decline' }], {});
    const asked = query(order);
    // Its response was lost: the reference is unknown here.
    const { gateway_ref } = await charged(order);
    await stripe.cancel(gateway_ref, 'duplicate');
    // The attempt's own charge takes precedence.
    expect(await find(asked)).toMatchObject({ result: 'declined', gateway_ref });
    const other = { ...asked, token: `pm_${randomUUID()}` };
    const cancelled = { gateway_ref, because: 'duplicate' };
    expect(await find(other)).toEqual({ result: 'not_charged', gateway_ref, cancelled });
    expect(await find({ ...other, claimed_at: asked.claimed_at + MINUTE })).toEqual({ result: 'absent' });
    const [listed] = await stripe.gateway.paymentsOf(order.gateway_customer_ref, 0, {});
    expect(listed).toMatchObject({
      state: 'cancelled',
      withdrawn: { because: 'duplicate', created_at: expect.any(Number) },
    });
  });

  test('a payment is found among a hundred others of the customer', async () => {
    const order = await stripe.createChargeOrder([]);
    const { gateway_ref } = await charged(order);
    for (let n = 0; n < 105; n += 1) {
      await charged({ ...order, payment_id: `inv_${n}`, key: randomUUID() });
    }
    expect(await find(query(order))).toMatchObject({ result: 'approved', gateway_ref });
  });
});

describe('other states at the gateway', () => {
  const charge = {
    id: 'ch_1',
    status: 'failed',
    payment_method: 'pm_1',
    created: Math.floor(Date.now() / 1000),
    failure_code: 'card_declined',
    outcome: { type: 'blocked', reason: 'rule' },
    payment_method_details: { type: 'card', card: { brand: 'mastercard' } },
  };
  const intent = {
    id: 'pi_1',
    status: 'requires_payment_method',
    latest_charge: 'ch_1',
    last_payment_error: null,
  };
  const asked = { payment_id: 'inv', gateway_ref: 'pi_1', gateway_customer_ref: 'cus_1', token: 'pm_1' };

  async function foundWhere(payment: object, charges: object[]): Promise<FoundCharge> {
    const server = await startHttpServer((request, response) => {
      const list = { object: 'list', has_more: false, url: '/v1/charges', data: charges };
      const body = request.url?.startsWith('/v1/charges') ? list : { ...intent, ...payment };
      response.end(JSON.stringify(body));
    });
    const stubGateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
    try {
      return await stubGateway.findCharge({ ...asked, claimed_at: Date.now() });
    } finally {
      await server.close();
    }
  }

  test('a charge blocked by a Radar rule is declined as fraudulent', async () => {
    expect(await foundWhere({}, [charge])).toMatchObject({
      result: 'declined',
      codes: { code: 'card_declined', decline_code: 'fraudulent', network: 'mastercard' },
    });
  });

  test('an authentication refused before a charge existed is a decline', async () => {
    const code = 'authentication_required';
    const error = { code, decline_code: code, payment_method: { id: 'pm_1', type: 'card' } };
    expect(await foundWhere({ last_payment_error: error, latest_charge: null }, [])).toEqual({
      result: 'declined',
      gateway_ref: 'pi_1',
      codes: { code, decline_code: code },
    });
    const other = { ...error, payment_method: { id: 'pm_2', type: 'card' } };
    expect(await foundWhere({ last_payment_error: other, latest_charge: null }, [])).toEqual({
      result: 'not_charged',
      gateway_ref: 'pi_1',
    });
  });

  test('a payment that waits for authentication is declined', async () => {
    const waiting = { status: 'requires_action', payment_method: 'pm_1', latest_charge: null };
    expect(await foundWhere(waiting, [])).toMatchObject({
      result: 'declined',
      codes: { decline_code: 'authentication_required' },
    });
  });

  test('a payment that succeeds between two reads is approved, and one that starts processing is pending', async () => {
    const paid = { ...charge, id: 'ch_2', status: 'succeeded', payment_method: 'pm_2' };
    expect(await foundWhere({}, [paid, charge])).toEqual({
      result: 'approved',
      gateway_ref: 'pi_1',
      charge_ref: 'ch_2',
      charged_token: 'pm_2',
    });
    const paying = { ...charge, id: 'ch_2', status: 'pending' };
    expect(await foundWhere({}, [paying, charge])).toEqual({
      result: 'pending',
      gateway_ref: 'pi_1',
      charge_ref: 'ch_2',
    });
  });
});

describe('when the gateway cannot be read', () => {
  const lost = { payment_id: 'inv', gateway_customer_ref: 'cus_1', token: 'pm_1', claimed_at: Date.now() };

  test.each([
    [500, 'gateway_unavailable'],
    [503, 'gateway_unavailable'],
    [429, 'gateway_unavailable'],
    [401, 'gateway_misconfigured'],
    [403, 'gateway_misconfigured'],
  ])('%i is %s', async (status, type) => {
    const server = await startHttpServer((_, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { type: 'api_error', message: 'no' } }));
    });
    const stubGateway = createStripeGateway({ apiKey: 'sk_test_1', apiBase: server.url });
    await expect(stubGateway.findCharge(lost)).rejects.toMatchObject({ type });
    await expect(stubGateway.findCharge({ ...lost, gateway_ref: 'pi_1' })).rejects.toMatchObject({ type });
    await server.close();
  });

  test('an unreachable gateway is gateway_unavailable, and so is an aborted search', async () => {
    const nowhere = createStripeGateway({ apiKey: 'sk_test_1', apiBase: 'http://127.0.0.1:1' });
    await expect(nowhere.findCharge(lost)).rejects.toMatchObject({
      type: 'gateway_unavailable',
      message: expect.stringMatching(/127\.0\.0\.1:1.*ECONNREFUSED.*STRIPE_API_BASE/),
    });
    const silent = await startHttpServer(() => {});
    const patient = createStripeGateway({ apiKey: 'sk_test_1', apiBase: silent.url });
    const signal = AbortSignal.timeout(50);
    await expect(patient.findCharge(lost, { signal })).rejects.toMatchObject({ type: 'gateway_unavailable' });
    await silent.close();
  });

  test('a reference unknown to this account is gateway_misconfigured', async () => {
    const order = await stripe.createChargeOrder([]);
    await expect(find(query(order, { gateway_ref: 'pi_nobody' }))).rejects.toMatchObject({
      type: 'gateway_misconfigured',
      message: expect.stringContaining('pi_nobody'),
    });
  });
});
