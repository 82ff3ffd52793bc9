/** Changing and removing a payment method on a real graph, with the real adapter and the gateway's simulator. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PaymentGateway } from '../domain/ports.ts';
import { attemptKey, type UpdatePaymentMethodInput } from '../domain/workflow-contracts.ts';
import {
  addPaymentMethod,
  type Graph,
  getPaymentMethods,
  getPaymentMethodToken,
  readWallet,
  recordVerification,
  setCustomerStatus,
} from '../graph/index.ts';
import { claimAttempt, openRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../test/test-graph.ts';
import { type StripeFixture, startStripeFixture } from '../test/stripe-fixture.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import { createMethodChangeActivities } from './method-changes.ts';
import type { SignalRecoveries } from './recovery.ts';

const policy = readPolicy();
const logger = new DefaultLogger('ERROR');
let graph: Graph;
let stripe: StripeFixture;

beforeAll(async () => {
  graph = await openTestGraph();
  stripe = await startStripeFixture();
});
afterAll(async () => {
  await stripe.close();
  await verifyAndClose(graph);
});

/** A customer with cards in the graph and at the gateway. */
async function wallet(cards = 1) {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards });
  const ref = `cus_${customer_id}`;
  const tokens: string[] = [];
  for (const payment_method_id of methods) {
    const token = (await getPaymentMethodToken(graph, { customer_id, payment_method_id })).reveal();
    const card = { brand: 'visa', last4: '4242', exp_month: 1, exp_year: 2030 };
    await stripe.sim(`/payment_methods/${token}`, 'PUT', { type: 'card', customer: ref, card });
    tokens.push(token);
  }
  return { customer_id, methods, tokens, ref };
}

/** The activities of one execution. */
function execution(overrides: Partial<PaymentGateway> = {}) {
  const signals: { ids: readonly string[]; signal: string; method: string }[] = [];
  const signalRecoveries = (async (
    ids: string[],
    signal: string,
    { payment_method_id: method }: { payment_method_id: string },
  ) => {
    signals.push({ ids, signal, method });
  }) as unknown as SignalRecoveries;
  const gateway = { ...stripe.gateway, ...overrides };
  const activities = createMethodChangeActivities({
    graph,
    gateway,
    policy,
    signalRecoveries,
    now: Date.now,
  });
  const workflowExecution = { workflowId: `payment-method:${randomUUID()}`, runId: randomUUID() };
  const run = async <I, O>(activity: (input: I) => Promise<O>, input: I, activityId = '1'): Promise<O> =>
    await new MockActivityEnvironment(
      { workflowExecution, workflowType: 'test', activityId },
      { logger },
    ).run(activity, input);
  return { ...activities, run, signals };
}

function edit(customer_id: string, payment_method_id: string) {
  return {
    ...{ customer_id, payment_method_id, idempotency_key: randomUUID(), by: 'customer' as const },
    ...{ caller: `customer:${customer_id}`, actor: 'customer', correlation_id: 'c-1' },
    occurred_at: new Date().toISOString(),
  };
}
const expiryDateUpdate = (
  customer_id: string,
  id: string,
  expiry_year: number,
  more: object = {},
): UpdatePaymentMethodInput => ({
  ...edit(customer_id, id),
  change: { expiry_month: 5, expiry_year, ...more },
});

async function method(customer_id: string, id: string) {
  return (await readWallet(graph, customer_id)).find((one) => one.payment_method_id === id);
}

/** The whole update, as the workflow runs it. */
async function update(input: UpdatePaymentMethodInput, by = execution()) {
  await by.run(by.requestMethodUpdate, input);
  const taken = (await by.run(by.updateAtGateway, input, '2')) === 'updated';
  const recorded = await by.run(by.recordMethodUpdate, { request: input, taken }, '3');
  return { recorded, signals: by.signals };
}

test('a new expiry date is changed at the gateway, read back and signalled, together with consent', async () => {
  const { customer_id, methods, tokens } = await wallet();
  const [id = '', token = ''] = [methods[0], tokens[0]];
  const failure = failureOf({ customer_id, methods });
  await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });

  const { recorded, signals } = await update(
    expiryDateUpdate(customer_id, id, 2033, { off_session_consent: true }),
  );
  expect(recorded).toMatchObject({ result: 'updated', payment_method_status: 'active' });
  expect(await stripe.gateway.getPaymentMethod(token)).toMatchObject({ expiry_month: 5, expiry_year: 2033 });
  expect(await method(customer_id, id)).toMatchObject({
    ...{ expiry_month: 5, expiry_year: 2033, expires_on: '2033-05-31', expiry_wanted: '2033-05' },
    ...{ off_session_consent: true, last_four: '4242' },
    // No request is pending.
    ...{ expiry_wanted_at: null, consent_wanted: null },
  });
  expect(signals).toEqual([{ ids: [failure.payment_id], signal: 'paymentMethodUpdated', method: id }]);
});

test('repeating a step after a crash changes nothing', async () => {
  const { customer_id, methods } = await wallet();
  const input = expiryDateUpdate(customer_id, methods[0] ?? '', 2034);
  const by = execution();
  await by.run(by.requestMethodUpdate, input);
  await by.run(by.requestMethodUpdate, input);
  await by.run(by.updateAtGateway, input, '2');
  await by.run(by.updateAtGateway, input, '2');
  const record = { request: input, taken: true };
  await by.run(by.recordMethodUpdate, record, '3');
  const before = await method(customer_id, input.payment_method_id);
  expect(await by.run(by.recordMethodUpdate, record, '3')).toMatchObject({ result: 'updated' });
  expect(await method(customer_id, input.payment_method_id)).toEqual(before);
});

test('a reused key with another body, and a change of an outdated version, are refused', async () => {
  const { customer_id, methods } = await wallet();
  const id = methods[0] ?? '';
  const { changed_seq } = (await method(customer_id, id)) ?? { changed_seq: 0 };
  const first = execution();
  const input = { ...expiryDateUpdate(customer_id, id, 2031), expected_version: changed_seq };
  await first.run(first.requestMethodUpdate, input);
  const other = { ...input, change: { expiry_month: 6, expiry_year: 2031 } };
  await expect(first.run(first.requestMethodUpdate, other)).rejects.toMatchObject({
    type: 'idempotency_key_reused',
  });
  // Also for another kind of request: one key is one request.
  await expect(first.run(first.removePaymentMethod, input)).rejects.toMatchObject({
    type: 'idempotency_key_reused',
  });
  const second = execution();
  await expect(second.run(second.requestMethodUpdate, other)).rejects.toMatchObject({
    type: 'stale_version',
  });
});

test('if two changes overtake each other at the gateway, the later request wins', async () => {
  const { customer_id, methods, tokens } = await wallet();
  const id = methods[0] ?? '';
  const early = expiryDateUpdate(customer_id, id, 2031);
  const late = expiryDateUpdate(customer_id, id, 2036);
  const later = execution();
  // The late request is made, sent and recorded while the early one is in progress.
  const first = execution({
    async updatePaymentMethod(change) {
      if (change.expiry_year === 2031) await update(late, later);
      return stripe.gateway.updatePaymentMethod(change);
    },
  });
  await update(early, first);
  expect(await stripe.gateway.getPaymentMethod(tokens[0] ?? '')).toMatchObject({ expiry_year: 2036 });
  expect(await method(customer_id, id)).toMatchObject({ expiry_year: 2036 });
});

test('a date that the gateway refuses leaves the method unchanged', async () => {
  const { customer_id, methods } = await wallet();
  const id = methods[0] ?? '';
  const by = execution({ updatePaymentMethod: async () => 'refused' });
  const input = expiryDateUpdate(customer_id, id, 2031);
  await by.run(by.requestMethodUpdate, input);
  expect(await by.run(by.updateAtGateway, input, '2')).toBe('refused');
  expect(await method(customer_id, id)).toMatchObject({
    ...{ expiry_year: null, status: 'active', expiry_wanted_at: null },
  });
});

test('consent withdrawn while a change is in progress is not given by that change', async () => {
  const { customer_id, methods } = await wallet();
  const id = methods[0] ?? '';
  const by = execution();
  const input = expiryDateUpdate(customer_id, id, 2031, { off_session_consent: true });
  const withdrawal = { ...edit(customer_id, id), change: { off_session_consent: false } };
  await by.run(by.requestMethodUpdate, withdrawal);
  const first = execution();
  await first.run(first.requestMethodUpdate, input);
  expect(await method(customer_id, id)).toMatchObject({ consent_wanted: 'customer' });
  const second = execution();
  await second.run(second.requestMethodUpdate, { ...withdrawal, idempotency_key: randomUUID() });
  await first.run(first.updateAtGateway, input, '2');
  await first.run(first.recordMethodUpdate, { request: input, taken: true }, '3');
  expect(await method(customer_id, id)).toMatchObject({ expiry_year: 2031, off_session_consent: false });
});

test('a method that was detached elsewhere leaves the wallet when it is changed', async () => {
  const { customer_id, methods, tokens } = await wallet(2);
  await stripe.detach(tokens[1] ?? '');
  const { recorded, signals } = await update(expiryDateUpdate(customer_id, methods[1] ?? '', 2031));
  expect(recorded).toEqual({ result: 'removed' });
  expect(signals).toHaveLength(1);
  expect((await getPaymentMethods(graph, { customer_id })).map((one) => one.payment_method_id)).toEqual([
    methods[0],
  ]);
});

test('a withdrawal of consent does not wait for the gateway', async () => {
  const { customer_id, methods } = await wallet();
  const id = methods[0] ?? '';
  const by = execution();
  const input = expiryDateUpdate(customer_id, id, 2031, { off_session_consent: false });
  expect(await by.run(by.requestMethodUpdate, input)).toMatchObject({
    at_gateway: true,
  });
  expect(await method(customer_id, id)).toMatchObject({ off_session_consent: false });
});

test('removing the default sets another one, signals and detaches, and a repeat returns the same result', async () => {
  const { customer_id, methods, tokens } = await wallet(2);
  const before = await getPaymentMethods(graph, { customer_id });
  const removed = before.find((one) => one.is_default)?.payment_method_id ?? '';
  const token = tokens[methods.indexOf(removed)] ?? '';
  const failure = failureOf({ customer_id, methods });
  await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  const by = execution();
  const input = edit(customer_id, removed);

  const ready = await by.run(by.removePaymentMethod, input);
  expect(await by.run(by.removePaymentMethod, input)).toEqual(ready);
  const left = await getPaymentMethods(graph, { customer_id });
  expect(left).toMatchObject([{ is_default: true }]);
  expect(by.signals[0]).toEqual({
    ids: [failure.payment_id],
    signal: 'paymentMethodUpdated',
    method: removed,
  });
  const other = execution();
  await expect(other.run(other.removePaymentMethod, input)).rejects.toMatchObject({
    type: 'payment_method_not_found',
  });

  expect(await by.run(by.detachPaymentMethod, input, '2')).toBe('detached');
  expect((await stripe.gateway.getPaymentMethod(token))?.gateway_customer_ref).toBeUndefined();
  // After a crash between the gateway call and its result, the next attempt finds it detached.
  expect(await by.run(by.detachPaymentMethod, input, '2')).toBe('not_attached');
});

test('a method detached elsewhere between read and detach counts as not attached', async () => {
  const { customer_id, methods, tokens } = await wallet();
  const input = edit(customer_id, methods[0] ?? '');
  const by = execution({
    async detachPaymentMethod(token) {
      await stripe.detach(token);
      return stripe.gateway.detachPaymentMethod(token);
    },
  });
  await by.run(by.removePaymentMethod, input);
  expect(await by.run(by.detachPaymentMethod, input, '2')).toBe('not_attached');
  expect(tokens).toHaveLength(1);
});

test('a method that now belongs to another customer at the gateway is not detached', async () => {
  const { customer_id, methods, tokens } = await wallet();
  const token = tokens[0] ?? '';
  const input = edit(customer_id, methods[0] ?? '');
  const by = execution();
  await by.run(by.removePaymentMethod, input);
  await stripe.sim(`/payment_methods/${token}`, 'PUT', { customer: 'cus_other' });
  expect(await by.run(by.detachPaymentMethod, input, '2')).toBe('not_attached');
  expect(await stripe.gateway.getPaymentMethod(token)).toMatchObject({
    gateway_customer_ref: 'cus_other',
  });
});

test('a method that was added again before it was detached stays attached', async () => {
  const { customer_id, methods, tokens, ref } = await wallet();
  const [id = '', token = ''] = [methods[0], tokens[0]];
  const by = execution();
  await by.run(by.removePaymentMethod, edit(customer_id, id));
  await addPaymentMethod(graph, testHeader(), {
    customer_id,
    method: { type: 'card', token },
    added_by: 'customer',
  });
  const method = { token, type: 'card' as const, gateway_customer_ref: ref };
  await recordVerification(graph, testHeader(), {
    ...{ customer_id, payment_method_id: id, gateway_customer_ref: ref },
    answer: { result: 'attached', method },
  });
  expect(await by.run(by.detachPaymentMethod, { customer_id, payment_method_id: id }, '2')).toBe('kept');
  expect(await stripe.gateway.getPaymentMethod(token)).toMatchObject({ gateway_customer_ref: ref });
});

test('a method is not detached while a charge of it is in progress', async () => {
  const { customer_id, methods } = await wallet(2);
  const id = methods[1] ?? '';
  const failure = failureOf({ customer_id, methods });
  const { payment_id } = failure;
  await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  const key = attemptKey(payment_id, id, 1);
  const claim = { payment_id, payment_method_id: id, key, n: 1, policy, now: Date.now() };
  expect(await claimAttempt(graph, testHeader(), claim)).toMatchObject({ result: 'claimed' });
  const by = execution();
  await by.run(by.removePaymentMethod, edit(customer_id, id));
  await expect(
    by.run(by.detachPaymentMethod, { customer_id, payment_method_id: id }, '2'),
  ).rejects.toMatchObject({
    type: 'charge_unresolved',
  });
});

test('a suspended customer can neither change nor remove a method', async () => {
  const { customer_id, methods } = await wallet();
  const id = methods[0] ?? '';
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  const by = execution();
  const refused = { type: 'customer_suspended' };
  await expect(by.run(by.requestMethodUpdate, expiryDateUpdate(customer_id, id, 2031))).rejects.toMatchObject(
    refused,
  );
  await expect(by.run(by.removePaymentMethod, edit(customer_id, id))).rejects.toMatchObject(refused);
});
