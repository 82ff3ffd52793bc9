import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ChargeAnswer } from '../../domain/ports.ts';
import { attemptKey, settledPaymentKey } from '../../domain/processes.ts';
import { readPolicy } from '../../platform/policy.ts';
import { openTestGraph, testHeader } from '../../test/graph.ts';
import { customerWithCards, failureOf } from '../../test/wallets.ts';
import type { Graph } from '../index.ts';
import { verifyCustomer } from '../replay/verify.ts';
import {
  claimAttempt,
  getObligation,
  getRecovery,
  openRecovery,
  openSettled,
  recordAttempt,
} from './index.ts';

const policy = readPolicy();
const MINUTE = 60_000;
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => graph.close());

/** An obligation that a charge of ours has paid just now. */
function recovered() {
  return attempted({ result: 'approved', charge_ref: 'ch_1' });
}

async function attempted(came: ChargeAnswer) {
  const wallet = await customerWithCards(graph, policy, { cards: 2 });
  const failure = failureOf(wallet);
  const { payment_id, customer_id } = failure;
  const header = testHeader({ occurredAt: failure.occurred_at });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const payment_method_id = wallet.methods[1] as string;
  const key = attemptKey(payment_id, payment_method_id, 1);
  const now = Date.now();
  await claimAttempt(graph, testHeader(), { payment_id, payment_method_id, key, n: 1, policy, now });
  const answer = { gateway_ref: `pi_${payment_id}`, ...came };
  await recordAttempt(graph, testHeader(), { payment_id, key, answer, policy, now });
  const settle = (settled: number, gateway_payment_ref?: string, disproven = false) =>
    openSettled(graph, testHeader(), {
      settlement: {
        event_id: randomUUID(),
        payment_id,
        customer_id,
        settled_at: new Date(settled).toISOString(),
        ...(gateway_payment_ref ? { gateway_payment_ref } : {}),
      },
      policy,
      now: Date.now(),
      disproven,
    });
  return { payment_id, customer_id, key, paid: now, settle };
}

test('a settlement after our own success names the later payment, once; the obligation stays recovered', async () => {
  const { payment_id, customer_id, paid, settle } = await recovered();
  const theirs = `pi_${randomUUID()}`;
  expect(await settle(paid + MINUTE, theirs)).toMatchObject({
    result: 'unchanged',
    recovery: { state: 'recovered' },
    second: settledPaymentKey(theirs),
  });
  expect(await settle(paid + 2 * MINUTE, theirs)).toMatchObject({ result: 'closed' });
  expect(await getRecovery(graph, payment_id)).toMatchObject({ outcome: 'recovered' });
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});

test('a settlement before our own success makes ours the second one, and the payment theirs', async () => {
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
  ['by our own payment', (payment_id: string) => ({ ref: `pi_${payment_id}`, disproven: false })],
  ['that names no payment', () => ({ ref: undefined, disproven: false })],
  ['by a payment that has not succeeded', () => ({ ref: `pi_${randomUUID()}`, disproven: true })],
])('a settlement %s is no second success', async (_, of) => {
  const { payment_id, customer_id, paid, settle } = await recovered();
  const { ref, disproven } = of(payment_id);
  expect(await settle(paid - MINUTE, ref, disproven)).toMatchObject({
    result: 'closed',
    obligation: { outcome: 'recovered' },
  });
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});

test('a settlement by the payment that our open attempts were made on is news of ours, and closes nothing', async () => {
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

test('a settlement that names the payment of another obligation is no second success: that one is not given back', async () => {
  const [one, other] = [await recovered(), await recovered()];
  const { gateway_ref } = await getObligation(graph, other.payment_id);
  expect(await one.settle(one.paid + MINUTE, gateway_ref)).toMatchObject({
    result: 'closed',
    obligation: { outcome: 'recovered' },
  });
  expect(await verifyCustomer(graph, one.customer_id)).toEqual([]);
});
