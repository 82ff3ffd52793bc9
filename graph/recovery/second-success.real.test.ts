/** Second successes by external payments, and the effects of an attempt after another attempt was paid. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { settledPaymentKey } from '../../domain/workflow-contracts.ts';
import { testHeader } from '../../test/test-graph.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import { getPaymentMethodToken, removePaymentMethod, updatePaymentMethodStatus } from '../index.ts';
import { getNoticeContext, getObligation, getRecovery, openFromSettlement } from './index.ts';
import { recoveryCommands } from './recovery-fixtures.ts';

const { graph, policy, open, opened, claim, record, close } = await recoveryCommands();

const paidElsewhere = (payment_id: string, payment_ref?: string) =>
  close(payment_id, { outcome: 'paid_elsewhere', rule: 'settled', ...(payment_ref && { payment_ref }) });

test('of two settlements by two payments the second is refunded, once', async () => {
  const { payment_id, record, settle } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  const [one, other] = [`pi_${randomUUID()}`, `pi_${randomUUID()}`];
  await paidElsewhere(payment_id, one);
  expect(await settle(Date.now(), one)).toMatchObject({ result: 'closed' });
  expect(await settle(Date.now())).toMatchObject({ result: 'closed' });
  expect(await settle(Date.now(), other, 'not_paid')).toMatchObject({ result: 'closed' });
  const second = settledPaymentKey(other);
  expect(await settle(Date.now(), other)).toMatchObject({ second, recovery: { state: 'paid_elsewhere' } });
  expect(await settle(Date.now(), other)).toMatchObject({ result: 'closed' });
  expect(await getObligation(graph, payment_id)).toMatchObject({ refunds_due: [second], settled_ref: one });
});

test('a settlement that named no payment may be the same as the next one: nothing is refunded', async () => {
  const { payment_id, record, settle } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  await paidElsewhere(payment_id);
  expect(await settle(Date.now(), `pi_${randomUUID()}`)).toMatchObject({ result: 'closed' });
});

test('a payment that settled another obligation of the customer is not refunded for this one', async () => {
  const wallet = await customerWithCards(graph, policy, { cards: 2 });
  const [last, now] = [failureOf(wallet), failureOf(wallet)];
  const externalPaymentRef = `pi_${randomUUID()}`;
  const settle = ({ payment_id, customer_id }: typeof last, gateway_payment_ref: string) => {
    const settled_at = new Date().toISOString();
    const settlement = { event_id: randomUUID(), payment_id, customer_id, settled_at, gateway_payment_ref };
    return openFromSettlement(graph, testHeader(), { settlement, policy, now: Date.now(), evidence: 'paid' });
  };
  for (const failure of [last, now]) await open(failure);
  await paidElsewhere(last.payment_id, externalPaymentRef);
  await paidElsewhere(now.payment_id, `pi_${randomUUID()}`);
  expect(await settle(now, externalPaymentRef)).toMatchObject({ result: 'closed' });
});

test('the effects of a declined attempt stay although the payment succeeded through another one', async () => {
  const wallet = await customerWithCards(graph, policy, { cards: 3 });
  const { customer_id, methods } = wallet;
  const [, paying, dead] = methods as [string, string, string];
  const { payment_id } = await opened(failureOf(wallet));
  const charged_token = (
    await getPaymentMethodToken(graph, { customer_id, payment_method_id: paying })
  )?.reveal();
  await claim(payment_id, paying);
  await record(payment_id, paying, {
    result: 'declined',
    codes: { decline_code: 'authentication_required' },
  });
  await claim(payment_id, dead);
  await record(payment_id, dead, { result: 'declined', codes: { network: 'visa', network_code: '14' } });
  await record(payment_id, dead, {
    result: 'approved',
    gateway_ref: 'pi_1',
    ...(charged_token ? { charged_token } : {}),
  });
  expect((await getRecovery(graph, payment_id))?.attempts).toMatchObject([
    { payment_method_id: paying, state: 'approved' },
    { payment_method_id: dead, state: 'declined', class: 'HARD', rule: 'visa:14' },
  ]);
});

test('one charge is one success, whichever attempt on its method is resolved with it', async () => {
  const wallet = await customerWithCards(graph, policy);
  const card = wallet.methods[2] as string;
  const { payment_id } = await opened(failureOf(wallet));
  const declined = { result: 'declined', codes: { decline_code: 'insufficient_funds' } } as const;
  const success = { result: 'approved', gateway_ref: 'pi_2', charge_ref: 'ch_2' } as const;
  await claim(payment_id, card);
  await record(payment_id, card, declined);
  await claim(payment_id, card, 2);
  await record(payment_id, card, success, 2);
  // Resolving the first attempt late reads the payment, which has succeeded with this card.
  const { recorded } = await record(payment_id, card, success);
  expect(recorded).toMatchObject({ attempt: { n: 2, state: 'approved' }, overpaid: false });
  expect(await getObligation(graph, payment_id)).not.toHaveProperty('refunds_due');
  expect((await getRecovery(graph, payment_id))?.attempts.map(({ state }) => state)).toEqual([
    'declined',
    'approved',
  ]);
});

test('a customer who pays with a method unknown to Persona keeps the default, and the notice names no method', async () => {
  const { payment_id, customer_id, key, record } = await claimedObligation(graph, policy);
  const defaultOf = async () => (await getWalletDefault(customer_id))[0]?.id;
  const before = await defaultOf();
  await record({ result: 'declined', codes: { decline_code: 'authentication_required' } });
  const { recorded } = await record({
    result: 'approved',
    charge_ref: 'ch_1',
    charged_token: `pm_${randomUUID()}`,
  });
  expect(recorded).toMatchObject({ attempt: { key, state: 'approved', rule: 'paid_by_another_method' } });
  expect(await defaultOf()).toBe(before);
  const about = { payment_id, notification_id: 'n', template: 'recovered' } as const;
  expect(await getNoticeContext(graph, about)).not.toHaveProperty('charged_method');
  const closed = await paidElsewhere(payment_id);
  expect(closed).toMatchObject({ obligation: { outcome: 'recovered' } });
  expect(closed).not.toHaveProperty('obligation.payment_method_id');
});

function getWalletDefault(id: string) {
  return graph.read<{ id: string }>(
    'MATCH (:Customer {id: $id})-[:HAS_PAYMENT_METHOD {is_default: true}]->(p:PaymentMethod) RETURN p.id AS id',
    { id },
  );
}

test.each(['deactivated', 'removed'])(
  'a charge that succeeds on a method that was %s meanwhile is recorded',
  async (how) => {
    const { payment_id, customer_id, key, record } = await claimedObligation(graph, policy);
    const { attempts = [], failed_payment_method_id = '' } = (await getRecovery(graph, payment_id)) ?? {};
    await record({ result: 'pending', gateway_ref: 'pi_1' });
    for (const payment_method_id of [attempts[0]?.payment_method_id ?? '', failed_payment_method_id]) {
      const method = { customer_id, payment_method_id };
      if (how === 'removed') await removePaymentMethod(graph, testHeader(), { ...method, by: 'customer' });
      else {
        const status = { ...method, status: 'inactive', reason: 'test' } as const;
        await updatePaymentMethodStatus(graph, testHeader(), status);
      }
    }
    const { recorded } = await record({ result: 'approved', charge_ref: 'ch_1' });
    expect(recorded).toMatchObject({ attempt: { key, state: 'approved' }, obligation_state: 'recovered' });
    expect(await getWalletDefault(customer_id)).toEqual([]);
  },
);
