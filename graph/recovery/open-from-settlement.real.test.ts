import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { ChargeAnswer } from '../../domain/ports.ts';
import { settledPaymentKey } from '../../domain/workflow-contracts.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import { failureOf } from '../../test/wallet-fixtures.ts';
import { verifyCustomer } from '../replay/verify.ts';
import { getObligation, getRecovery } from './index.ts';
import { declined, recoveryCommands } from './recovery-fixtures.ts';

const MINUTE = 60_000;
const { graph, policy, open, close } = await recoveryCommands();

/** An obligation that Persona's charge has just paid. */
function recovered() {
  return attempted({ result: 'approved', charge_ref: 'ch_1' });
}

async function attempted(answer: ChargeAnswer) {
  const obligation = await claimedObligation(graph, policy);
  await obligation.record(answer);
  return { ...obligation, paid: Date.now() };
}

test('a settlement after Persona’s success is the second success, once; the obligation stays recovered', async () => {
  const { payment_id, customer_id, paid, settle } = await recovered();
  const externalPaymentRef = `pi_${randomUUID()}`;
  expect(await settle(paid + MINUTE, externalPaymentRef)).toMatchObject({
    result: 'unchanged',
    recovery: { state: 'recovered' },
    second: settledPaymentKey(externalPaymentRef),
  });
  expect(await settle(paid + 2 * MINUTE, externalPaymentRef)).toMatchObject({ result: 'closed' });
  expect(await getRecovery(graph, payment_id)).toMatchObject({ outcome: 'recovered' });
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});

test('a settlement before Persona’s success makes that the second one; the obligation counts as paid elsewhere', async () => {
  const { payment_id, customer_id, key, paid, settle } = await recovered();
  expect(await settle(paid - MINUTE, `pi_${randomUUID()}`)).toMatchObject({
    result: 'unchanged',
    recovery: { state: 'paid_elsewhere' },
    second: key,
  });
  expect(await getRecovery(graph, payment_id)).toMatchObject({ outcome: 'paid_elsewhere', rule: 'settled' });
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});

test.each([
  ['by its own payment', (payment_id: string) => ({ ref: `pi_${payment_id}`, evidence: 'paid' as const })],
  ['that names no payment', () => ({ ref: undefined, evidence: 'word' as const })],
  [
    'by a payment that has not succeeded',
    () => ({ ref: `pi_${randomUUID()}`, evidence: 'not_paid' as const }),
  ],
])('a settlement %s is no second success', async (_, settlementOf) => {
  const { payment_id, customer_id, paid, settle } = await recovered();
  const { ref, evidence } = settlementOf(payment_id);
  expect(await settle(paid - MINUTE, ref, evidence)).toMatchObject({
    result: 'closed',
    obligation: { outcome: 'recovered' },
  });
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});

test('a settlement by the payment on which Persona’s attempts were made closes nothing', async () => {
  const { settle, payment_id, customer_id } = await attempted({
    result: 'declined',
    gateway_ref: `pi_${randomUUID()}`,
    codes: { decline_code: 'authentication_required' },
  });
  const { gateway_ref = '' } = await getObligation(graph, payment_id);
  expect(await settle(Date.now(), gateway_ref)).toMatchObject({ result: 'unchanged', own: true });
  expect(await settle(Date.now(), `pi_${randomUUID()}`)).not.toHaveProperty('own');
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});

test('a settlement that names the payment of another obligation is no second success, and is not refunded', async () => {
  const [one, other] = [await recovered(), await recovered()];
  const { gateway_ref } = await getObligation(graph, other.payment_id);
  expect(await one.settle(one.paid + MINUTE, gateway_ref)).toMatchObject({
    result: 'closed',
    obligation: { outcome: 'recovered' },
  });
  expect(await verifyCustomer(graph, one.customer_id)).toEqual([]);
});

test.each(['exhausted', 'cancelled', 'stopped'] as const)(
  'an obligation that ended %s is paid elsewhere after an external payment, and no newer failure opens it',
  async (outcome) => {
    const owed = await attempted(declined('insufficient_funds'));
    const { payment_id, customer_id, settle } = owed;
    await close(payment_id, { outcome, rule: 'rule' });
    const externalPaymentRef = `pi_${randomUUID()}`;
    const contradicted = await settle(Date.now(), externalPaymentRef, 'not_paid');
    expect(contradicted).toMatchObject({ result: 'closed', obligation: { outcome } });
    const expected = { outcome: 'paid_elsewhere', rule: 'settled' };
    expect(await settle(Date.now(), externalPaymentRef)).toMatchObject({
      result: 'closed',
      obligation: { ...expected, attempts: [{ state: 'declined' }] },
    });
    expect(await getRecovery(graph, payment_id)).toMatchObject(expected);
    const occurred_at = new Date().toISOString();
    expect(await open(failureOf(owed, { payment_id, occurred_at }))).toMatchObject({
      result: 'closed',
      obligation: expected,
    });
    expect(await verifyCustomer(graph, customer_id)).toEqual([]);
  },
);
