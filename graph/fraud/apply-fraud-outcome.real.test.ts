import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { testGraph, testHeader } from '../../test/graph.ts';
import { customerWithCards, failureOf } from '../../test/wallets.ts';
import {
  applyFraudOutcome,
  getCustomerContext,
  getDevices,
  getPaymentMethods,
  setCustomerStatus,
  updateDeviceTrustScore,
  updatePaymentMethodStatus,
} from '../index.ts';
import { openRecovery } from '../recovery/index.ts';
import type { FraudReport } from './apply-fraud-outcome.ts';

const policy = readPolicy();
const graph = await testGraph();

/** Two cards, the second is the default; the device's score is 0.9. */
async function suspect() {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 2 });
  const [device] = await getDevices(graph, { customer_id });
  const [payment_method_id = '', other = ''] = methods;
  const ids = { case_id: randomUUID(), customer_id, device_id: String(device?.device_id), payment_method_id };
  const started = Date.now();
  let minutes = 0;
  const report = (
    outcome: FraudReport['outcome'],
    change: Partial<FraudReport> & { minutes?: number } = {},
  ) => {
    const { minutes: at = ++minutes, ...rest } = change;
    const occurredAt = new Date(started + at * 60_000).toISOString();
    return applyFraudOutcome(graph, testHeader({ occurredAt }), { ...ids, outcome, reason: 'test', ...rest });
  };
  const now = async () => {
    const wallet = await getPaymentMethods(graph, { customer_id });
    const context = await getCustomerContext(graph, { customer_id, policy });
    const [rated] = await getDevices(graph, { customer_id });
    return {
      method: wallet.find((one) => one.payment_method_id === payment_method_id)?.status,
      default: context.default_payment_method_id,
      customer: context.status,
      score: rated?.trust_score,
    };
  };
  return { ...ids, other, report, now };
}

test('a confirmed fraud takes everything at once, and a cleared one gives it back', async () => {
  const { report, now, payment_method_id, other } = await suspect();
  const before = await now();
  expect(before).toMatchObject({
    method: 'active',
    default: payment_method_id,
    customer: 'active',
    score: 0.9,
  });
  expect(await report('challenge_failed')).toMatchObject({ applied: true, customer_status: 'active' });
  expect(await now()).toMatchObject({ method: 'failed', default: other, score: 0.9 });
  expect(await report('confirmed_fraud')).toMatchObject({
    customer_status: 'suspended',
    customer_status_changed: true,
  });
  expect(await now()).toEqual({ method: 'compromised', default: other, customer: 'suspended', score: 0 });
  await report('cleared');
  // The default passed on to the other card, which may keep it: nobody took it back from there.
  expect(await now()).toEqual({ ...before, default: other });
});

test('what others changed since is not undone', async () => {
  const { report, now, customer_id, payment_method_id, device_id } = await suspect();
  await report('suspected', { new_trust_score: 0.2 });
  const change = { customer_id, payment_method_id, reason: 'test' };
  await updatePaymentMethodStatus(graph, testHeader(), { ...change, status: 'active' });
  await updatePaymentMethodStatus(graph, testHeader(), { ...change, status: 'failed' });
  const observed_at = new Date(Date.now() + 100_000).toISOString();
  await updateDeviceTrustScore(graph, testHeader(), { device_id, trust_score: 0.4, observed_at });
  await report('suspended');
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'active', reason: 'test' });
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'suspended', reason: 'test' });
  await report('cleared');
  expect(await now()).toMatchObject({ method: 'failed', customer: 'suspended', score: 0.4 });
});

test('what was compromised before the case stays so, whatever the case finds', async () => {
  const { report, now, customer_id, payment_method_id } = await suspect();
  const stolen = { customer_id, payment_method_id, status: 'compromised' as const, reason: 'stolen' };
  await updatePaymentMethodStatus(graph, testHeader(), stolen);
  await report('confirmed_fraud');
  await report('cleared');
  expect(await now()).toMatchObject({ method: 'compromised', customer: 'active' });
});

test('an outcome older than the last one of its case changes nothing; repeats act once', async () => {
  const { report, now, case_id, customer_id } = await suspect();
  await report('confirmed_fraud', { minutes: 9 });
  expect(await report('cleared', { minutes: 8 })).toMatchObject({
    applied: false,
    customer_status: 'suspended',
  });
  expect(await now()).toMatchObject({ method: 'compromised', customer: 'suspended' });
  const header = testHeader({ occurredAt: new Date(Date.now() + 3_600_000).toISOString() });
  const again = { case_id, customer_id, outcome: 'cleared' as const, reason: 'test' };
  const first = await applyFraudOutcome(graph, header, again);
  expect(await applyFraudOutcome(graph, header, again)).toEqual(first);
  expect(await now()).toMatchObject({ method: 'active', customer: 'active', score: 0.9 });
});

test('a case is one customer’s, and names only what that one has', async () => {
  const { report, ...one } = await suspect();
  const other = await suspect();
  await report('challenge_passed', { new_trust_score: 0.8 });
  await expect(other.report('suspected', { case_id: one.case_id })).rejects.toMatchObject({
    type: 'invalid_argument',
  });
  const foreign = { payment_method_id: other.payment_method_id };
  await expect(report('confirmed_fraud', foreign)).rejects.toMatchObject({
    type: 'payment_method_not_found',
  });
  await expect(report('suspected', { new_trust_score: 1.1 })).rejects.toMatchObject({
    type: 'invalid_argument',
  });
  expect(await one.now()).toMatchObject({ method: 'active', customer: 'active', score: 0.8 });
});

test('a suspension returns the recoveries to be signalled, and so does its end', async () => {
  const { report, customer_id, payment_method_id, other } = await suspect();
  const failure = failureOf({ customer_id, methods: [payment_method_id, other] });
  const asked = { failure, policy, now: Date.now(), claim_first: false };
  await openRecovery(graph, testHeader({ occurredAt: failure.occurred_at }), asked);
  expect(await report('challenge_failed')).toMatchObject({ recoveries: [] });
  expect(await report('confirmed_fraud')).toMatchObject({ recoveries: [failure.payment_id] });
  expect(await report('suspended')).toMatchObject({ recoveries: [] });
  expect(await report('cleared')).toMatchObject({ recoveries: [failure.payment_id] });
});
