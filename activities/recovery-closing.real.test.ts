/** Closing an obligation, depending on its own payment at the gateway; settlements; and reused event ids. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GatewayPayment, PaymentGateway } from '../domain/ports.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import type { Graph } from '../graph/index.ts';
import { flagForReview, getObligation } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../test/test-graph.ts';
import { claimedObligation } from '../test/obligation-fixtures.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import { createRecoveryActivities } from './recovery.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

function activities(gateway: Partial<PaymentGateway>) {
  return createRecoveryActivities({
    graph,
    gateway: gateway as PaymentGateway,
    policy,
    signalRecoveries: async () => {},
    now: Date.now,
  });
}

/** A payment that has succeeded, without a reversal. */
const readPayment = async (gateway_ref: string) =>
  ({ gateway_ref, state: 'succeeded', amount: 4900, currency: 'USD' }) as const;

test.each([
  ['without a named payment is about it', undefined, { result: 'already_succeeded' }, 'open'],
  [
    'of another payment means a second success',
    'pi_2',
    { result: 'closed', paid_too: true },
    'paid_elsewhere',
  ],
])(
  'if the obligation’s own payment has succeeded, a settlement %s',
  async (_, payment_ref, answer, state) => {
    const { payment_id, record } = await claimedObligation(graph, policy);
    await record({ result: 'declined', codes: { decline_code: 'authentication_required' } });
    const { closeRecovery } = activities({ cancelPayment: async () => 'already_succeeded', readPayment });
    const ending = {
      outcome: 'paid_elsewhere',
      rule: 'settled',
      ...(payment_ref ? { payment_ref } : {}),
    } as const;
    const closing = { payment_id, ending, keep_payment: false };
    expect(await new MockActivityEnvironment().run(closeRecovery, closing)).toMatchObject(answer);
    expect(await getObligation(graph, payment_id)).toMatchObject({ state });
  },
);

test('an operator request with a rule ends only a review by that rule', async () => {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  await flagForReview(graph, testHeader(), { payment_id, rule: 'mac:04' });
  const { endReview } = activities({});
  const ends = (rule?: string) =>
    new MockActivityEnvironment().run(endReview, {
      payment_id,
      policy: policy.recovery,
      ...(rule === undefined ? {} : { rule }),
    });
  const state = async () => (await getObligation(graph, payment_id)).state;
  expect(await ends('stripe:api_key_expired')).toEqual({});
  expect(await state()).toBe('needs_review');
  expect(await ends('mac:04')).toEqual({ alternatives: expect.any(Array) });
  expect(await state()).toBe('open');
  expect(await ends('mac:04')).toEqual({});
  expect(await ends()).toEqual({ alternatives: expect.any(Array) });
});

const settled = { outcome: 'paid_elsewhere', rule: 'settled' } as const;

test.each([
  ['a cancelled recovery', { outcome: 'cancelled', rule: 'cancelled' }, 'open', 'not_cancelled'],
  ['a settlement without a named payment', settled, 'open', 'not_cancelled'],
  ['a settlement by another payment', { ...settled, payment_ref: 'pi_2' }, 'paid_elsewhere', 'closed'],
] as const)(
  'if the payment cannot be cancelled, %s leaves the obligation %s',
  async (_, ending, state, result) => {
    const { payment_id, record } = await claimedObligation(graph, policy);
    await record({ result: 'declined', codes: { decline_code: 'authentication_required' } });
    const closing = { payment_id, ending, keep_payment: false };
    const run = new MockActivityEnvironment();
    for (const [payment, readPayment] of [
      ['processing', async () => ({ state: 'processing' }) as GatewayPayment],
      ['unknown', async () => Promise.reject(new Error('401'))],
    ] as const) {
      const { closeRecovery, cancelPayment } = activities({
        cancelPayment: async () => 'unknown',
        readPayment,
      });
      expect(await run.run(cancelPayment, { payment_id })).toEqual({ result: payment });
      if (state === 'open') {
        expect(await run.run(closeRecovery, closing)).toEqual({ result, payment });
      } else {
        expect(await run.run(closeRecovery, closing)).toMatchObject({ result, uncancelled: true });
      }
    }
    expect(await getObligation(graph, payment_id)).toMatchObject({ state });
  },
);

test.each([
  [{ outcome: 'exhausted', rule: 'window_over' }, { result: 'already_succeeded', reversed: true }, 'open'],
  [{ outcome: 'cancelled', rule: 'cancelled' }, { result: 'closed' }, 'cancelled'],
  [{ outcome: 'stopped', rule: 'fraud' }, { result: 'closed' }, 'stopped'],
] as const)(
  'the obligation’s own payment has succeeded and was refunded: %o',
  async (ending, answer, state) => {
    const { payment_id, record } = await claimedObligation(graph, policy);
    await record({ result: 'declined', codes: { decline_code: 'authentication_required' } });
    const { closeRecovery } = activities({
      cancelPayment: async () => 'already_succeeded',
      readPayment: async (ref) => ({ ...(await readPayment(ref)), reversal: 'refunded' }),
    });
    const closing = { payment_id, ending, keep_payment: false };
    expect(await new MockActivityEnvironment().run(closeRecovery, closing)).toMatchObject(answer);
    expect(await getObligation(graph, payment_id)).toMatchObject({ state });
  },
);

test.each([
  ['the payment that paid the obligation', 0],
  ['the payment that the settlement names', 1],
])('there is no second success if %s was reversed', async (_, returned) => {
  const { payment_id, customer_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'approved', charge_ref: `ch_${payment_id}` });
  const refs = [`pi_${payment_id}`, `pi_${randomUUID()}`] as const;
  const { openSettled } = activities({
    readPayment: async (ref) => ({
      ...(await readPayment(ref)),
      gateway_customer_ref: `cus_${customer_id}`,
      ...(ref === refs[returned] && { reversal: 'disputed' as const }),
    }),
  });
  const settled_at = new Date().toISOString();
  const ids = { event_id: randomUUID(), payment_id, customer_id };
  const settlement = { ...ids, settled_at, gateway_payment_ref: refs[1] };
  expect(await new MockActivityEnvironment().run(openSettled, { settlement })).toMatchObject({
    result: 'closed',
    obligation: { outcome: 'recovered' },
  });
});

/** A settlement, whose payment has these properties at the gateway, received before the failure that it settles. */
async function settledInAdvance(payment: (failure: PaymentFailed) => Partial<GatewayPayment>) {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 2 });
  const failure = failureOf({ customer_id, methods });
  const { payment_id } = failure;
  const { openSettled, openRecovery } = activities({
    readPayment: async (ref) => ({
      ...(await readPayment(ref)),
      gateway_customer_ref: `cus_${customer_id}`,
      ...payment(failure),
    }),
  });
  const run = new MockActivityEnvironment();
  const settled_at = new Date().toISOString();
  const ids = { event_id: randomUUID(), payment_id, customer_id };
  const settlement = { ...ids, settled_at, gateway_payment_ref: `pi_${randomUUID()}` };
  return {
    failure,
    settled: await run.run(openSettled, { settlement }),
    opening: await run.run(openRecovery, { failure, claim_first: true }),
  };
}

test('an advance settlement by a reversed payment closes the obligation for review, and it is not charged later', async () => {
  const { settled, opening } = await settledInAdvance(() => ({ reversal: 'refunded' }));
  const closed = { result: 'closed', obligation: { outcome: 'paid_elsewhere', rule: 'payment_came_back' } };
  expect(settled).toMatchObject(closed);
  expect(opening).toMatchObject(closed);
});

test.each([
  ['of the amount owed stays closed', 0, { result: 'closed', obligation: { outcome: 'paid_elsewhere' } }],
  [
    'of another amount goes to review',
    100,
    { result: 'reopened', recovery: { state: 'needs_review', rule: 'settlement_mismatch' } },
  ],
] as const)('an obligation closed in advance by a payment %s', async (_, shortfall, answer) => {
  const { failure, settled, opening } = await settledInAdvance(({ amount }) => ({
    amount: amount - shortfall,
  }));
  const closed = { result: 'closed', obligation: { outcome: 'paid_elsewhere' } };
  expect(settled).toMatchObject(closed);
  expect(opening).toMatchObject(answer);
  expect(opening).not.toHaveProperty('first');
  if (shortfall === 0) return;
  // The graph has everything that the recovery needs to continue after the review.
  const { amount, currency, kind, payment_method_id } = failure;
  const obligationFields = { amount, currency, kind, failed_payment_method_id: payment_method_id };
  const obligation = await getObligation(graph, failure.payment_id);
  expect(obligation).toMatchObject({ ...obligationFields, state: 'needs_review' });
  expect(obligation).not.toHaveProperty('settled_ref');
});

test('a settlement by the obligation’s own payment closes it, without a second success', async () => {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'authentication_required' } });
  const { closeRecovery } = activities({ cancelPayment: async () => 'already_succeeded' });
  const ending = { outcome: 'paid_elsewhere', rule: 'settled', payment_ref: `pi_${payment_id}` } as const;
  const closing = { payment_id, ending, keep_payment: false };
  const closed = await new MockActivityEnvironment().run(closeRecovery, closing);
  expect(closed).toMatchObject({ result: 'closed' });
  expect(closed).not.toHaveProperty('paid_too');
});

test.each([
  [
    'the second is a second success if the first has succeeded',
    'succeeded',
    { result: 'unchanged', second: expect.any(String) },
  ],
  [
    'there is no second success if the first was cancelled',
    'cancelled',
    { result: 'closed', obligation: { outcome: 'paid_elsewhere' } },
  ],
] as const)('after two settlements by different payments, %s', async (_, state, answer) => {
  const { payment_id, customer_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  const [first, second] = [`pi_${randomUUID()}`, `pi_${randomUUID()}`];
  const states = new Map<string, string>([
    [first, state],
    [second, 'succeeded'],
  ]);
  const { closeRecovery, openSettled } = activities({
    cancelPayment: async () => 'cancelled',
    readPayment: async (gateway_ref) => ({
      gateway_ref,
      state: states.get(gateway_ref) as GatewayPayment['state'],
      gateway_customer_ref: `cus_${customer_id}`,
      amount: 4900,
      currency: 'USD',
    }),
  });
  const run = new MockActivityEnvironment();
  const ending = { outcome: 'paid_elsewhere', rule: 'settled', payment_ref: first } as const;
  await run.run(closeRecovery, { payment_id, ending, keep_payment: false });
  const settled_at = new Date().toISOString();
  const settlement = {
    event_id: randomUUID(),
    payment_id,
    customer_id,
    settled_at,
    gateway_payment_ref: second,
  };
  expect(await run.run(openSettled, { settlement })).toMatchObject(answer);
});

test('a reused event id with another body is refused without failing the activity', async () => {
  const wallet = await customerWithCards(graph, policy, { cards: 2 });
  const first = failureOf(wallet);
  const { openRecovery } = activities({});
  const run = new MockActivityEnvironment();
  const openWith = (failure: typeof first) => run.run(openRecovery, { failure, claim_first: false });
  expect(await openWith(first)).toMatchObject({ result: 'opened' });
  const occurred_at = new Date(Date.now() + 1_000).toISOString();
  const again = { ...first, event_id: randomUUID(), occurred_at };
  expect(await openWith(again)).toMatchObject({ result: 'noted' });
  expect(await openWith(again)).toMatchObject({ result: 'noted' });
  expect(await openWith({ ...again, decline_code: 'stolen_card' })).toMatchObject({
    result: 'refused',
    type: 'idempotency_key_reused',
  });
});

test('if the own payment cannot be read, closing returns not_cancelled instead of waiting', async () => {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record({ result: 'declined', codes: { decline_code: 'authentication_required' } });
  const { closeRecovery } = activities({
    cancelPayment: async () => 'already_succeeded',
    readPayment: async () => Promise.reject(new Error('403')),
  });
  const closing = {
    payment_id,
    ending: { outcome: 'exhausted', rule: 'window_over' } as const,
    keep_payment: false,
  };
  expect(await new MockActivityEnvironment().run(closeRecovery, closing)).toEqual({
    result: 'not_cancelled',
    payment: 'unknown',
  });
});
