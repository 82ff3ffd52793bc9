/** Two findings about one obligation at the same time: reviews, stops and second successes. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { attemptKey, settledPaymentKey } from '../../domain/workflow-contracts.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import { verifyCustomer } from '../replay/verify.ts';
import {
  adoptGatewayPayment,
  flagForReview,
  getChargeOrder,
  getObligation,
  openFromSettlement,
} from './index.ts';
import { recoveryCommands } from './recovery-fixtures.ts';
import { testHeader } from '../../test/test-graph.ts';

const { graph, policy, open, opened, claim, close } = await recoveryCommands();

test('an adopted payment without attempts that succeeds after an external payment is the second success, once', async () => {
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const failure = failureOf(wallet);
  const { payment_id, customer_id } = failure;
  await opened(failure);
  const [adopted, externalPaymentRef] = [`pi_${randomUUID()}`, `pi_${randomUUID()}`];
  await adoptGatewayPayment(graph, testHeader(), { payment_id, gateway_ref: adopted });
  await close(payment_id, { outcome: 'paid_elsewhere', rule: 'settled', payment_ref: externalPaymentRef });
  const settle = () =>
    openFromSettlement(graph, testHeader(), {
      settlement: {
        event_id: randomUUID(),
        payment_id,
        customer_id,
        settled_at: new Date().toISOString(),
        gateway_payment_ref: adopted,
      },
      policy,
      now: Date.now(),
      evidence: 'paid',
    });
  expect(await settle()).toMatchObject({ result: 'unchanged', second: settledPaymentKey(adopted) });
  expect(await settle()).toMatchObject({ result: 'closed' });
  expect(await getObligation(graph, payment_id)).toMatchObject({
    state: 'paid_elsewhere',
    refunds_due: [settledPaymentKey(adopted)],
  });
  expect(await verifyCustomer(graph, customer_id)).toEqual([]);
});

test.each(['attempt_unknown', 'stripe:testmode_decline'])(
  'a review because of a contradicted settlement outlasts a review by %s',
  async (rule) => {
    const { payment_id, record, settle } = await claimedObligation(graph, policy);
    await record({ result: 'unknown', reason: 'timeout' });
    await flagForReview(graph, testHeader(), { payment_id, rule });
    const answer = await settle(Date.now(), `pi_${randomUUID()}`, 'not_paid');
    expect(answer).toMatchObject({ review: 'settlement_mismatch' });
    await record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
    const expected = { state: 'needs_review', rule: 'settlement_mismatch' };
    expect(await getObligation(graph, payment_id)).toMatchObject(expected);
  },
);

test('a contradicted settlement does not replace a review that waits for the payment to be cancelled', async () => {
  const { payment_id, settle } = await claimedObligation(graph, policy);
  const rule = 'payment_not_cancellable';
  await flagForReview(graph, testHeader(), { payment_id, rule });
  await settle(Date.now(), `pi_${randomUUID()}`, 'not_paid');
  expect(await getObligation(graph, payment_id)).toMatchObject({ state: 'needs_review', rule });
});

test('a failure after a STOP starts no run that charges', async () => {
  const wallet = await customerWithCards(graph, policy, { cards: 2 });
  const failure = failureOf(wallet, { decline_code: 'insufficient_funds' });
  await opened(failure);
  const after = (ms: number, decline_code: string) => ({
    ...failure,
    event_id: randomUUID(),
    decline_code,
    occurred_at: new Date(Date.parse(failure.occurred_at) + ms).toISOString(),
  });
  await open(after(1000, 'stop_payment_order'));
  expect(await open(after(2000, 'insufficient_funds'))).toMatchObject({
    result: 'noted',
    recovery: { failure: { class: 'STOP' } },
  });
});

test('a lost charge whose money was returned is under review as soon as it is recorded', async () => {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'unknown', reason: 'timeout' });
  await flagForReview(graph, testHeader(), { payment_id, rule: 'attempt_unknown' });
  const cancelled = { gateway_ref: `pi_${payment_id}`, reversal: 'refunded' } as const;
  await record({ result: 'not_sent', reason: 'it had succeeded before', cancelled });
  const expected = { state: 'needs_review', rule: 'payment_came_back' };
  expect(await getObligation(graph, payment_id)).toMatchObject(expected);
});

test('a payment that an operator counts as declined is abandoned, and does not prevent another one', async () => {
  const { payment_id, payment_method_id, key, record } = await claimedObligation(graph, policy);
  expect((await getChargeOrder(graph, { key })).charge).not.toHaveProperty('collect_again');
  const codes = { reason: 'resolved by a person' };
  await record({ result: 'declined', codes, payment_over: true });
  expect(await getObligation(graph, payment_id)).not.toHaveProperty('gateway_ref');
  expect(await claim(payment_id, payment_method_id, 2)).toMatchObject({ result: 'claimed' });
  const next = attemptKey(payment_id, payment_method_id, 2);
  const { charge } = await getChargeOrder(graph, { key: next });
  expect(charge).toMatchObject({ collect_again: true });
  expect(charge).not.toHaveProperty('gateway_ref');
});

test('an operator’s resolution of a charge does not end the review of a settlement', async () => {
  const { payment_id, record, settle } = await claimedObligation(graph, policy);
  await record({ result: 'unknown', reason: 'timeout' });
  await settle(Date.now(), `pi_${randomUUID()}`, 'not_paid');
  const codes = { reason: 'resolved by a person' };
  await record({ result: 'declined', codes, payment_over: true });
  const expected = { state: 'needs_review', rule: 'settlement_mismatch' };
  expect(await getObligation(graph, payment_id)).toMatchObject(expected);
});
