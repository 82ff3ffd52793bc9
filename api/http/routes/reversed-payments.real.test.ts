/** Reports and settlements that name a reversed payment: an operator decides, and nothing is charged. */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PaymentFailed } from '../../../domain/recovery/messages.ts';
import { getObligation } from '../../../graph/recovery/index.ts';
import { failureOf } from '../../../test/wallet-fixtures.ts';
import { startWorkerFixture, type WorkerFixture } from '../../../test/worker-fixture.ts';

let system: WorkerFixture;
beforeAll(async () => {
  system = await startWorkerFixture();
});
afterAll(() => system.close());

type Charge = { charge_ref: string; gateway_ref: string };

const REVERSALS: [string, (charge: Charge) => Promise<unknown>][] = [
  ['refunded', ({ charge_ref }) => refund(charge_ref)],
  ['refunded in part', ({ charge_ref }) => refund(charge_ref, '100')],
  ['disputed', ({ charge_ref }) => system.stripe.sim(`/charges/${charge_ref}/dispute`, 'POST', {})],
  [
    'captured in part',
    ({ charge_ref }) => system.stripe.sim(`/charges/${charge_ref}/capture`, 'POST', { amount: 1000 }),
  ],
];

/** An external refund with a key of the same account. */
async function refund(charge: string, amount?: string): Promise<void> {
  const headers = { authorization: 'Bearer sk_test_1' };
  const body = new URLSearchParams({ charge, ...(amount && { amount }) });
  const response = await fetch(`${system.stripe.url}/v1/refunds`, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(await response.text());
}

/** A customer with two good cards, whose payment the shop itself has charged on the first. */
async function chargeExternally() {
  const holder = await system.cardHolder();
  await system.secondCard(holder);
  const { customer_id, payment_method_id } = holder;
  const failure = failureOf({ customer_id, methods: [payment_method_id] }, { amount: 1250 });
  const { payment_id } = failure;
  const key = `shop:${payment_id}`;
  const answer = await system.stripe.charge({ ...holder.order, customer_id, payment_id, key });
  if (answer.result !== 'approved' || !answer.charge_ref || !answer.gateway_ref)
    throw new Error(JSON.stringify(answer));
  const { charge_ref, gateway_ref } = answer;
  return { holder, failure, charge_ref, gateway_ref };
}

/** All charges for the payment, Persona's and external ones, oldest first. */
async function charges({ payment_id }: Pick<PaymentFailed, 'payment_id'>): Promise<string[]> {
  const path = `/charges?payment_id=${payment_id}`;
  const { data } = await system.stripe.sim<{ data: { payment_method: string }[] }>(path);
  return data.map(({ payment_method }) => payment_method);
}

const settlementOf = ({ payment_id, customer_id }: PaymentFailed, gateway_payment_ref: string) => ({
  ...{ event_id: randomUUID(), payment_id, customer_id, gateway_payment_ref },
  settled_at: new Date().toISOString(),
});

describe.each(REVERSALS)('a payment that was %s', (_, reverse) => {
  test('and that a failure names needs an operator, who can have another payment made', async () => {
    const { holder, failure, ...charge } = await chargeExternally();
    await reverse(charge);
    await system.reportFailure({ ...failure, gateway_payment_ref: charge.gateway_ref });
    const reviewed = await system.waitForRecovery(failure, ({ state }) => state === 'needs_review');
    expect(reviewed).toMatchObject({ rule: 'payment_came_back', attempts: [] });
    expect(await charges(failure)).toEqual([holder.token]);

    await system.sendOperatorRequest(failure.payment_id, 'retryNow');
    const done = await system.waitForRecovery(failure, ({ state }) => state === 'done');
    expect(done).toMatchObject({ outcome: 'recovered', attempts: [{ state: 'approved' }] });
    expect(await charges(failure)).toHaveLength(2);
    const { gateway_ref } = await getObligation(system.graph, failure.payment_id);
    expect(gateway_ref).not.toBe(charge.gateway_ref);
  });

  test('and that a settlement names settles nothing', async () => {
    const { holder, failure, ...charge } = await chargeExternally();
    await reverse(charge);
    // Nothing is charged automatically: the customer has to correct the card.
    await system.reportFailure({ ...failure, decline_code: 'do_not_try_again' });
    await system.waitForRecovery(failure, ({ waiting_for }) => waiting_for === 'method');
    await system.reportSettlement(settlementOf(failure, charge.gateway_ref));
    const reviewed = await system.waitForRecovery(failure, ({ state }) => state === 'needs_review');
    expect(reviewed).toMatchObject({ rule: 'payment_came_back', attempts: [] });
    await system.sendOperatorRequest(failure.payment_id, 'cancel');
    expect(await system.waitForRecovery(failure, ({ state }) => state === 'done')).toMatchObject({
      outcome: 'cancelled',
    });
    expect(await charges(failure)).toEqual([holder.token]);
  });
});

test('a payment that still holds its amount ends the recovery', async () => {
  const { holder, failure, gateway_ref } = await chargeExternally();
  await system.reportFailure({ ...failure, gateway_payment_ref: gateway_ref });
  const done = await system.waitForRecovery(failure, ({ state }) => state === 'done');
  expect(done).toMatchObject({ outcome: 'paid_elsewhere', attempts: [] });
  expect(await charges(failure)).toEqual([holder.token]);
});

test('a payment counts again once its dispute is won', async () => {
  const { failure, charge_ref, gateway_ref } = await chargeExternally();
  const path = `/charges/${charge_ref}/dispute`;
  const { id } = await system.stripe.sim<{ id: string }>(path, 'POST', {});
  await system.reportFailure({ ...failure, gateway_payment_ref: gateway_ref });
  await system.waitForRecovery(failure, ({ state }) => state === 'needs_review');
  await system.stripe.sim(`/disputes/${id}`, 'PUT', { status: 'won' });
  await system.reportSettlement(settlementOf(failure, gateway_ref));
  expect(await system.waitForRecovery(failure, ({ state }) => state === 'done')).toMatchObject({
    outcome: 'paid_elsewhere',
  });
});

test('a recovered obligation stays recovered when its payment is disputed; nothing is refunded or charged', async () => {
  const holder = await system.cardHolder();
  const other = await system.secondCard(holder);
  const { customer_id, payment_method_id } = holder;
  const failure = failureOf({ customer_id, methods: [payment_method_id] }, { amount: 1250 });
  await system.reportFailure(failure);
  await system.waitForRecovery(failure, ({ outcome }) => outcome === 'recovered');
  const { attempts } = await system.waitForRecovery(failure, ({ state }) => state === 'done');
  const charge = attempts[0]?.gateway_ref ?? '';
  await system.stripe.sim(`/charges/${charge}/dispute`, 'POST', {});
  await system.delivered(['charge.dispute.created', charge]);
  expect(await system.outcomesOf(`gateway-dispute:${charge}`)).toEqual(['disputed']);

  // The shop was paid again meanwhile: of the two payments only this one still holds its amount.
  const externalOrder = { ...holder.order, customer_id, payment_id: '', key: `shop:${failure.payment_id}` };
  const paid = await system.stripe.charge(externalOrder);
  if (paid.result !== 'approved') throw new Error(JSON.stringify(paid));
  await system.reportSettlement(settlementOf(failure, paid.gateway_ref ?? ''));
  await system.temporal.client.workflow.getHandle(`recovery:${failure.payment_id}`).result();
  const obligation = await getObligation(system.graph, failure.payment_id);
  expect(obligation).toMatchObject({ state: 'recovered' });
  expect(obligation).not.toHaveProperty('refunds_due');
  expect(await charges(failure)).toEqual([other.token]);
});
