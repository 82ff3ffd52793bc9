import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SimulatorFixture, thenField, startSimulatorFixture, until } from './simulator-fixture.ts';

let gateway: SimulatorFixture;

beforeAll(async () => {
  gateway = await startSimulatorFixture();
});
afterAll(() => gateway.close());

describe('payment methods', () => {
  test('belong to one customer, and cannot be attached to another once detached', async () => {
    const payer = await gateway.createPayer([]);
    const other = (await gateway.post('/v1/customers')).body.id;
    const attach = (customer: string) =>
      gateway.post(`/v1/payment_methods/${payer.method}/attach`, { customer });
    expect((await attach(other)).body.error.message).toContain('already been attached');
    expect((await gateway.createPayment({ customer: other, method: payer.method })).body.error.param).toBe(
      'payment_method',
    );
    const detached = await gateway.post(`/v1/payment_methods/${payer.method}/detach`);
    expect(detached.body.customer).toBeNull();
    expect((await gateway.createPayment(payer)).body.error.code).toBe('payment_method_unexpected_state');
    expect((await attach(other)).body.error.code).toBe('payment_method_unexpected_state');
    expect((await attach(payer.customer)).body.customer).toBe(payer.customer);
  });

  test('can be updated only while attached to a customer', async () => {
    const payer = await gateway.createPayer([]);
    const update = { 'card[exp_month]': '3', 'card[exp_year]': '2035' };
    const updated = await gateway.post(`/v1/payment_methods/${payer.method}`, update);
    expect(updated.body.card).toMatchObject({ exp_month: 3, exp_year: 2035 });
    await until(() =>
      gateway.typesOf(payer.customer).includes('payment_method.updated') ? true : undefined,
    );
    const wrong = await gateway.post(`/v1/payment_methods/${payer.method}`, { 'card[exp_month]': '13' });
    expect([wrong.status, wrong.body.error.code]).toEqual([402, 'invalid_expiry_month']);
    const expired = await gateway.post(`/v1/payment_methods/${payer.method}`, { 'card[exp_year]': '2020' });
    expect([expired.status, expired.body.error.code]).toEqual([402, 'invalid_expiry_year']);
    const named = await gateway.post(`/v1/payment_methods/${payer.method}`, {
      'billing_details[name]': 'Ada',
    });
    expect(named.body).toMatchObject({
      billing_details: { name: 'Ada', email: null },
      card: { exp_month: 3 },
    });
    await gateway.post(`/v1/payment_methods/${payer.method}/detach`);
    const afterDetach = await gateway.post(`/v1/payment_methods/${payer.method}`, update);
    expect([afterDetach.status, afterDetach.body.error.param]).toEqual([400, undefined]);
  });

  test('keep their customer when the script changes', async () => {
    const payer = await gateway.createPayer([]);
    await gateway.sim('PUT', `/payment_methods/${payer.method}`, { script: [{ do: 'decline' }] });
    expect((await gateway.get(`/v1/payment_methods/${payer.method}`)).body.customer).toBe(payer.customer);
    expect((await gateway.createPayment(payer)).status).toBe(402);
  });

  test.each([
    ['pm_card_visa', 200, 200, undefined],
    ['pm_card_de', 200, 200, undefined],
    ['pm_card_chargeCustomerFail', 200, 402, 'generic_decline'],
    ['pm_card_authenticationRequired', 200, 402, 'authentication_required'],
    ['pm_card_visa_chargeDeclinedInsufficientFunds', 402, 402, 'insufficient_funds'],
    ['pm_card_chargeDeclinedStolenCard', 402, 402, 'stolen_card'],
  ])("Stripe's %s attaches with %i and charges with %i", async (name, attached, charged, code) => {
    const customer = (await gateway.post('/v1/customers')).body.id;
    const attach = await gateway.post(`/v1/payment_methods/${name}/attach`, { customer });
    expect(attach.status).toBe(attached);
    const method = attached === 200 ? attach.body.id : name;
    const paid = await gateway.createPayment({ customer, method });
    expect([paid.status, paid.body.error?.decline_code]).toEqual([charged, code]);
    expect(await gateway.ledgerOf(customer)).toMatchObject([{ payment_method: method }]);
  });

  test("Stripe's bank accounts settle by themselves", async () => {
    const customer = (await gateway.post('/v1/customers')).body.id;
    const types = { 'payment_method_types[]': 'us_bank_account' };
    const payer = { customer, method: 'pm_usBankAccount_accountClosed' };
    expect((await gateway.createPayment(payer, undefined, types)).body.status).toBe('processing');
    await gateway.sim('POST', '/clock', { advance_s: 5 });
    const [intent] = (await gateway.get(`/v1/payment_intents?customer=${customer}`)).body.data;
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
    [thenField({ do: 'approve', delay_ms: -1 }), 'then.delay_ms'],
    [{ script: [{ do: 'approve', webhook: 'later' }] }, 'script[0].webhook'],
    [{ script: [{ do: 'approve', settle: { after_ms: 1, outcome: 'approve' } }] }, 'script[0].settle'],
    [{ type: 'bank_account' }, 'type'],
    [{ card: { exp_month: '12' } }, 'card.exp_month'],
  ])('%j is refused with an error that names %s', async (body, field) => {
    const reply = await gateway.sim('PUT', '/payment_methods/pm_wrong', body);
    expect(reply.status).toBe(400);
    expect(reply.body.error.message.startsWith(`${field}:`)).toBe(true);
  });

  test('a delay passes before the charge is made', async () => {
    const payer = await gateway.createPayer([{ do: 'approve', delay_ms: 150 }]);
    const started = performance.now();
    const paid = gateway.createPayment(payer);
    expect(await gateway.ledgerOf(payer.customer)).toEqual([]);
    await paid;
    expect(performance.now() - started).toBeGreaterThanOrEqual(149);
  });
});
