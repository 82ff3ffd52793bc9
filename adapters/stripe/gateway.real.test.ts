import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type StripeFixture, startStripeFixture } from '../../test/stripe-fixture.ts';

let stripe: StripeFixture;

beforeAll(async () => {
  stripe = await startStripeFixture();
});
afterAll(() => stripe.close());

/** A payment after a declined charge. */
async function payable(): Promise<string> {
  const answer = await stripe.charge(await stripe.createChargeOrder([{ do: 'decline' }]));
  if (answer.result !== 'declined' || answer.gateway_ref === undefined) throw new Error('not declined');
  return answer.gateway_ref;
}

describe('payments, customers, methods', () => {
  test('reads a payment in each state', async () => {
    expect(await stripe.gateway.readPayment('pi_nobody')).toBeUndefined();
    for (const [step, state] of [
      ['approve', 'succeeded'],
      ['decline', 'payable'],
      ['processing', 'processing'],
    ]) {
      const order = await stripe.createChargeOrder([{ do: step }]);
      const answer = await stripe.charge(order);
      const ref = 'gateway_ref' in answer ? (answer.gateway_ref ?? '') : '';
      const payment = {
        gateway_ref: ref,
        state,
        gateway_customer_ref: order.gateway_customer_ref,
        payment_id: order.payment_id,
        charge_ref: expect.stringMatching(/^ch_/),
        // A declined payment no longer has a method.
        ...(state !== 'payable' && { token: order.token }),
        amount: 1250,
        currency: 'USD',
      };
      const charged_at = expect.any(Number);
      expect(await stripe.gateway.readPayment(ref)).toEqual({ ...payment, charged_at });
      const { gateway_customer_ref } = order;
      expect(await stripe.gateway.paymentsOf(gateway_customer_ref, 0, {})).toEqual([payment]);
      expect(await stripe.gateway.paymentsOf(gateway_customer_ref, Date.now() + 60_000, {})).toEqual([]);
    }
  });

  test('cancelling is idempotent, and reports a payment that can no longer be cancelled', async () => {
    const order = await stripe.createChargeOrder([{ do: 'decline' }]);
    const answer = await stripe.charge(order);
    const ref = 'gateway_ref' in answer ? (answer.gateway_ref ?? '') : '';
    expect(await stripe.gateway.cancelPayment(ref)).toBe('cancelled');
    expect(await stripe.gateway.cancelPayment(ref)).toBe('cancelled');
    expect(await stripe.gateway.readPayment(ref)).toMatchObject({ state: 'cancelled' });

    const paid = await stripe.charge(await stripe.createChargeOrder([]));
    if (paid.result !== 'approved') throw new Error('not approved');
    expect(await stripe.gateway.cancelPayment(paid.gateway_ref ?? '')).toBe('already_succeeded');

    const pending = await stripe.charge(await stripe.createChargeOrder([{ do: 'processing' }]));
    if (pending.result !== 'pending') throw new Error('not pending');
    expect(await stripe.gateway.cancelPayment(pending.gateway_ref)).toBe('unknown');
  });

  test.each([401, 400, 429, 500])(
    'a payment whose cancellation was refused with %i is cancelled by the next try',
    async (refuse_cancel) => {
      const ref = await payable();
      await stripe.sim(`/payment_intents/${ref}`, 'PUT', { refuse_cancel });
      expect(await stripe.gateway.cancelPayment(ref)).toBe('unknown');
      await stripe.sim(`/payment_intents/${ref}`, 'PUT', { refuse_cancel: null });
      expect(await stripe.gateway.cancelPayment(ref)).toBe('cancelled');
    },
  );

  test('a payment of a Checkout Session is cancelled by expiring the session', async () => {
    const ref = await payable();
    await stripe.sim(`/payment_intents/${ref}`, 'PUT', { checkout_session: true });
    expect(await stripe.gateway.cancelPayment(ref)).toBe('cancelled');
    expect(await stripe.gateway.readPayment(ref)).toMatchObject({ state: 'cancelled' });
  });

  test('creating the same customer twice yields one customer', async () => {
    const customer = { customer_id: randomUUID(), key: `customer:${randomUUID()}` };
    expect(await stripe.gateway.createCustomer(customer)).toEqual(
      await stripe.gateway.createCustomer(customer),
    );
  });

  test('attaches a card and reads back its details', async () => {
    const order = await stripe.createChargeOrder([], {
      brand: 'mastercard',
      last4: '4444',
      exp_month: 7,
      exp_year: 2031,
    });
    const { customer_id, token, gateway_customer_ref } = order;
    const again = { customer_id, token, gateway_customer_ref, key: randomUUID() };
    expect(await stripe.gateway.attachPaymentMethod(again)).toEqual({
      result: 'attached',
      method: {
        token: order.token,
        type: 'card',
        gateway_type: 'card',
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

  test('a method that the gateway refuses to attach is reported with the reason', async () => {
    const order = await stripe.createChargeOrder([]);
    const otherOrder = await stripe.createChargeOrder([]);
    const attach = (token: string) =>
      stripe.gateway.attachPaymentMethod({
        customer_id: randomUUID(),
        token,
        gateway_customer_ref: order.gateway_customer_ref,
        key: randomUUID(),
      });
    expect(await attach(otherOrder.token)).toMatchObject({ result: 'refused', reason: 'other_customer' });
    expect(await attach(`pm_${randomUUID()}`)).toMatchObject({ result: 'refused', reason: 'not_found' });
    expect(await attach('pm_card_chargeDeclinedStolenCard')).toMatchObject({
      result: 'refused',
      reason: 'declined',
      codes: { code: 'card_declined', decline_code: 'stolen_card', network: 'visa' },
    });
    const unknownCustomer = {
      customer_id: 'c',
      token: order.token,
      gateway_customer_ref: 'cus_nobody',
      key: 'x',
    };
    expect(await stripe.gateway.attachPaymentMethod(unknownCustomer)).toEqual({ result: 'no_customer' });
  });

  test('the owner of a customer is read; an external or unknown one has none', async () => {
    const { customer_id, gateway_customer_ref } = await stripe.createChargeOrder([]);
    const { ownerOf } = stripe.gateway;
    expect(await ownerOf(gateway_customer_ref)).toBe(customer_id);
    const customer = `cus_${randomUUID()}`;
    await stripe.sim(`/payment_methods/pm_${randomUUID()}`, 'PUT', { type: 'card', customer });
    expect(await ownerOf(customer)).toBeUndefined();
    expect(await ownerOf('cus_nobody')).toBeUndefined();
  });

  test.each([
    ['pm_card_amex', { type: 'card', brand: 'amex', network: 'amex', last_four: '8431' }],
    ['pm_usBankAccount_success', { type: 'bank_account', network: 'ach', last_four: '6789' }],
  ])("Stripe's test method %s becomes a separate method", async (token, expected) => {
    const { gateway_customer_ref } = await stripe.gateway.createCustomer({
      customer_id: 'c',
      key: randomUUID(),
    });
    const answer = await stripe.gateway.attachPaymentMethod({
      customer_id: randomUUID(),
      token,
      gateway_customer_ref,
      key: randomUUID(),
    });
    if (answer.result !== 'attached') throw new Error('not attached');
    expect(answer.method).toMatchObject({ ...expected, gateway_customer_ref });
    expect(answer.method.token).not.toBe(token);
  });

  test('a card in a digital wallet is a digital wallet', async () => {
    const order = await stripe.createChargeOrder([], { wallet: 'apple_pay' });
    const { customer_id, token, gateway_customer_ref } = order;
    const again = { customer_id, token, gateway_customer_ref, key: randomUUID() };
    expect(await stripe.gateway.attachPaymentMethod(again)).toMatchObject({
      method: { type: 'digital_wallet', gateway_type: 'card' },
    });
  });

  test.each([
    ['link', 'digital_wallet', undefined],
    ['sepa_debit', 'bank_account', 'sepa'],
    ['bacs_debit', 'bank_account', undefined],
    ['nz_bank_account', 'bank_account', undefined],
  ])("a %s is a %s, and keeps the gateway's type name", async (gateway_type, type, network) => {
    const { token } = await stripe.createChargeOrder([]);
    await stripe.sim(`/payment_methods/${token}`, 'PUT', { type: gateway_type });
    const method = await stripe.gateway.getPaymentMethod(token);
    expect(method).toMatchObject({ type, gateway_type });
    expect(method?.network).toBe(network);
  });
});

describe('reading what the gateway changes on its own', () => {
  test('a method has its current details and owner', async () => {
    const { token, gateway_customer_ref } = await stripe.createChargeOrder([], { last4: '4444' });
    await stripe.sim(`/payment_methods/${token}`, 'PUT', { card: { last4: '5555', exp_year: 2037 } });
    expect(await stripe.gateway.getPaymentMethod(token)).toMatchObject({
      token,
      gateway_customer_ref,
      last_four: '5555',
      expiry_year: 2037,
    });
    await stripe.detach(token);
    expect(await stripe.gateway.getPaymentMethod(token)).not.toHaveProperty('gateway_customer_ref');
    expect(await stripe.gateway.getPaymentMethod('pm_nobody')).toBeUndefined();
  });

  test.each([
    ['active', 'multi_use', 'active'],
    ['pending', 'multi_use', 'pending'],
    ['inactive', 'multi_use', 'ended'],
    ['inactive', 'single_use', 'spent'],
  ])('a mandate that is %s, of type %s, is %s', async (status, type, state) => {
    const { token } = await stripe.createChargeOrder([]);
    const mandate = `mandate_${randomUUID()}`;
    await stripe.sim(`/mandates/${mandate}`, 'PUT', { payment_method: token, status, type });
    expect(await stripe.gateway.getMandate(mandate)).toEqual({ token, state });
  });

  test('an unknown mandate is undefined', async () => {
    expect(await stripe.gateway.getMandate('mandate_nobody')).toBeUndefined();
  });
});
