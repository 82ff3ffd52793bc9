import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { type RoutingOutcome, routedPaymentId } from '../../domain/inbound/routing-outcome.ts';
import { testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../../test/wallet-fixtures.ts';
import { applyAnalyticsFeedback } from '../index.ts';
import { getRecovery, recordRoutingOutcome } from './index.ts';
import { recoveryCommands } from './recovery-fixtures.ts';

const { graph, policy, claim, open, opened, wallet, log } = await recoveryCommands();
const HOUR = 3_600_000;
const ago = (hours: number) => new Date(Date.now() - hours * HOUR).toISOString();

function route(customer: TestWallet, changed: Partial<RoutingOutcome> = {}, key: string = randomUUID()) {
  const outcome: RoutingOutcome = {
    event_id: randomUUID(),
    transaction_id: `t-${randomUUID()}`,
    customer_id: customer.customer_id,
    payment_method_id: customer.methods[0] ?? '',
    succeeded: true,
    amount: 1_000,
    currency: 'USD',
    occurred_at: new Date().toISOString(),
    ...changed,
  };
  const header = testHeader({ idempotencyKey: key, occurredAt: outcome.occurred_at });
  return recordRoutingOutcome(graph, header, { outcome, policy });
}

async function ltvOf({ customer_id }: TestWallet) {
  const query = 'MATCH (c:Customer {id: $customer_id}) RETURN c.ltv_minor AS ltv';
  return (await graph.read<{ ltv: number }>(query, { customer_id }))[0]?.ltv;
}

test('a success counts as a use, and adds to the lifetime value in the reporting currency alone', async () => {
  const customer = await customerWithCards(graph, policy);
  const [method = ''] = customer.methods;
  await route(customer);
  await route(customer, { currency: 'EUR' });
  await route(customer, { occurred_at: ago(100 * 24) });
  expect(await ltvOf(customer)).toBe(2_000);
  const query = `
    MATCH (:Customer {id: $id})-[h:HAS_PAYMENT_METHOD]->(:PaymentMethod {id: $method})
    RETURN h.use_count AS use_count, h.last_used AS last_used`;
  const [use] = await graph.read<{ use_count: number; last_used: string }>(query, {
    ...{ id: customer.customer_id, method },
  });
  expect(use?.use_count).toBe(4);
  expect(Date.parse(use?.last_used ?? '')).toBeGreaterThan(Date.now() - HOUR);
});

test('concurrent repetitions of outcomes count each of them once', async () => {
  const customer = await customerWithCards(graph, policy, { cards: 1 });
  const outcomes = Array.from({ length: 10 }, (_, n) => ({ key: randomUUID(), amount: n }));
  const at = new Date().toISOString();
  const fixed = outcomes.map(({ key, amount }) => ({
    key,
    outcome: { event_id: key, transaction_id: key, occurred_at: at, amount: amount + 1 },
  }));
  await Promise.all([...fixed, ...fixed, ...fixed].map(({ key, outcome }) => route(customer, outcome, key)));
  expect(await ltvOf(customer)).toBe(55);
});

test('a payment from before Oracle’s newest valuation is part of it', async () => {
  const customer = await customerWithCards(graph, policy, { cards: 1 });
  const valuation = { event_id: randomUUID(), ltv_minor: 5_000, occurred_at: ago(1) };
  await applyAnalyticsFeedback(graph, testHeader({ occurredAt: valuation.occurred_at }), {
    ...valuation,
    customer_id: customer.customer_id,
  });
  await route(customer, { occurred_at: ago(2) });
  await route(customer, { occurred_at: ago(0.5), amount: 7 });
  expect(await ltvOf(customer)).toBe(5_007);
});

test('a decline is a reported attempt on the card, with what its code teaches, and starts no recovery', async () => {
  const customer = await customerWithCards(graph, policy);
  const [method = ''] = customer.methods;
  const transaction_id = `t-${randomUUID()}`;
  await route(customer, { succeeded: false, transaction_id, decline_code: 'stolen_card' });
  expect((await wallet(customer))[method]).toMatchObject({ status: 'compromised' });
  const attempted = (await log(customer)).find(({ type }) => type === 'RecoveryAttempted');
  expect(JSON.parse(attempted?.data ?? '{}')).toMatchObject({
    ...{ source: 'reported', state: 'declined', payment_id: routedPaymentId(transaction_id) },
    payment_method_id: method,
  });
  expect(await getRecovery(graph, transaction_id)).toBeUndefined();
  expect(await ltvOf(customer)).toBe(0);
});

test('it counts as an attempt on the card: a network’s ceiling forbids the next charge', async () => {
  const customer = await customerWithCards(graph, policy, { network: 'mastercard' });
  const [, second = ''] = customer.methods;
  // Mastercard: 10 consecutive declines in 24 hours.
  for (let n = 0; n < 10; n += 1) {
    const decline = { succeeded: false, payment_method_id: second, decline_code: 'insufficient_funds' };
    await route(customer, { ...decline, occurred_at: ago(16 - n) });
  }
  const failure = failureOf(customer);
  await opened(failure);
  expect(await claim(failure.payment_id, second)).toMatchObject({
    result: 'refused',
    rule: expect.stringContaining('ceiling:mastercard'),
  });
});

test('Synapse’s report of the same payment opens its recovery, however the two arrive', async () => {
  for (const routedFirst of [true, false]) {
    const customer = await customerWithCards(graph, policy);
    const failure = failureOf(customer);
    const { payment_id, occurred_at } = failure;
    const decline = () =>
      route(customer, {
        ...{ succeeded: false, transaction_id: payment_id, occurred_at },
        decline_code: 'insufficient_funds',
      });
    if (routedFirst) await decline();
    expect((await open(failure)).result).toBe('opened');
    if (!routedFirst) await decline();
    expect(await getRecovery(graph, payment_id)).toMatchObject({ state: 'waiting', class: 'LATER' });
  }
});

test('an event id that Synapse uses, too, is another event: each has its own attempt, on its own customer', async () => {
  for (const routedFirst of [true, false]) {
    const [customer, other] = [
      await customerWithCards(graph, policy),
      await customerWithCards(graph, policy),
    ];
    const failure = failureOf(customer);
    const decline = () =>
      route(other, { succeeded: false, event_id: failure.event_id, decline_code: 'stolen_card' });
    if (routedFirst) await decline();
    await opened(failure);
    if (!routedFirst) await decline();
    const query = `
      MATCH (a:ChargeAttempt) WHERE a.customer_id IN $customers
      RETURN a.customer_id AS customer_id, a.class AS class ORDER BY class`;
    const attempts = await graph.read(query, { customers: [customer.customer_id, other.customer_id] });
    expect(attempts).toEqual([
      { customer_id: other.customer_id, class: 'FRAUD' },
      { customer_id: customer.customer_id, class: 'LATER' },
    ]);
  }
});

test('a method that failed for its details is active again after a later success, and only then', async () => {
  const customer = await customerWithCards(graph, policy);
  const [method = '', other = ''] = customer.methods;
  await route(customer, { succeeded: false, decline_code: 'incorrect_cvc', occurred_at: ago(3) });
  expect((await wallet(customer))[method]).toMatchObject({ status: 'failed' });
  await route(customer, { occurred_at: ago(4) });
  expect((await wallet(customer))[method]).toMatchObject({ status: 'failed' });
  await route(customer, { occurred_at: ago(2) });
  expect((await wallet(customer))[method]).toMatchObject({ status: 'active' });
  // The same decline again, older than that success, changes nothing.
  await route(customer, { succeeded: false, decline_code: 'incorrect_cvc', occurred_at: ago(2.5) });
  expect((await wallet(customer))[method]).toMatchObject({ status: 'active' });
  await route(customer, {
    ...{ succeeded: false, payment_method_id: other, decline_code: 'stolen_card', occurred_at: ago(3) },
  });
  await route(customer, { payment_method_id: other, occurred_at: ago(2) });
  expect((await wallet(customer))[other]).toMatchObject({ status: 'compromised' });
});

test('a method that a decline has made suspect is not active again after a success', async () => {
  const customer = await customerWithCards(graph, policy);
  const [method = ''] = customer.methods;
  const suspicion = { succeeded: false, decline_code: 'fraudulent', occurred_at: ago(3) };
  await route(customer, suspicion);
  await route(customer, { succeeded: false, decline_code: 'incorrect_cvc', occurred_at: ago(2) });
  const { status } = (await wallet(customer))[method] ?? {};
  expect(status).not.toBe('active');
  await route(customer, { occurred_at: ago(1) });
  expect((await wallet(customer))[method]).toMatchObject({ status });
});

test('a withdrawn consent ends the recoveries that failed on the method', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  await opened(failure);
  const revocation = { succeeded: false, network: 'visa' as const, network_code: 'R1' };
  const key = randomUUID();
  const event = { event_id: key, transaction_id: key, occurred_at: new Date().toISOString() };
  const { endedRecoveries } = await route(customer, { ...revocation, ...event }, key);
  expect(endedRecoveries).toEqual([failure.payment_id]);
  // Repeated after a crash, it names them again, to be signalled.
  expect(await route(customer, { ...revocation, ...event }, key)).toMatchObject({ endedRecoveries });
  expect(await claim(failure.payment_id, customer.methods[1] ?? '')).not.toMatchObject({ result: 'claimed' });
});

test('what is not this customer’s is refused, and changes nothing', async () => {
  const [customer, other] = [await customerWithCards(graph, policy), await customerWithCards(graph, policy)];
  const before = await log(customer);
  await expect(route(customer, { payment_method_id: other.methods[0] ?? '' })).rejects.toMatchObject({
    type: 'payment_method_not_found',
  });
  await expect(route(customer, { device_id: randomUUID() })).rejects.toMatchObject({
    type: 'device_not_found',
  });
  expect(await log(customer)).toEqual(before);
});
