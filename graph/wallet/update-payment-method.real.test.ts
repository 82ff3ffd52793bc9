import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { randomToken, testGraph, testHeader } from '../../test/test-graph.ts';
import { customerWithCards } from '../../test/wallet-fixtures.ts';
import {
  addPaymentMethod,
  getPaymentMethod,
  getPaymentMethods,
  linkDevice,
  recordPaymentMethodUse,
  removePaymentMethod,
  setDefaultPaymentMethod,
  updatePaymentMethod,
  updatePaymentMethodStatus,
} from '../index.ts';

const policy = readPolicy();
const graph = await testGraph();

const by = 'customer' as const;
const readMethod = (ref: { customer_id: string; payment_method_id: string }) => getPaymentMethod(graph, ref);
const wallet = async (cards: number) => {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards });
  return methods.map((payment_method_id) => ({ customer_id, payment_method_id }));
};

test('a removed method leaves the wallet, the default passes on, and its token restores it without consent', async () => {
  const [first, second] = await wallet(2);
  if (!first || !second) throw new Error('no wallet');
  const { customer_id } = first;
  const token = randomToken();
  const input = { customer_id, method: { type: 'card' as const, token, off_session_consent: true } };
  const added = await addPaymentMethod(graph, testHeader(), { ...input, added_by: by });
  const { payment_method_id } = added;
  const third = { customer_id, payment_method_id };
  await updatePaymentMethodStatus(graph, testHeader(), { ...third, status: 'active', reason: 'test' });
  await setDefaultPaymentMethod(graph, testHeader(), { ...third, by });
  await removePaymentMethod(graph, testHeader(), { ...third, by });
  expect((await getPaymentMethods(graph, { customer_id })).map((entry) => entry.payment_method_id)).toEqual([
    second.payment_method_id,
    first.payment_method_id,
  ]);
  expect(await readMethod(second)).toMatchObject({ is_default: true });
  await expect(removePaymentMethod(graph, testHeader(), { ...third, by })).rejects.toMatchObject({
    type: 'payment_method_not_found',
  });
  const method = { type: 'card' as const, token };
  expect(await addPaymentMethod(graph, testHeader(), { customer_id, method, added_by: by })).toMatchObject({
    payment_method_id,
    payment_method_status: 'unverified',
  });
  expect(await readMethod(third)).toMatchObject({ off_session_consent: false, is_default: false });
});

test('a new expiry reactivates an expired card; one in the past expires it; a compromised card stays so', async () => {
  const [card] = await wallet(1);
  if (!card) throw new Error('no wallet');
  const update = (details: object, expected_version?: number) =>
    updatePaymentMethod(graph, testHeader(), { ...card, details, by, expected_version });
  expect(await update({ expiry_month: 1, expiry_year: 2020 })).toMatchObject({
    changed: true,
    payment_method_status: 'expired',
  });
  expect(await readMethod(card)).toMatchObject({ is_default: false, expiry_year: 2020 });
  const { changed_seq } = await readMethod(card);
  expect(await update({ expiry_month: 2, expiry_year: 2060 }, changed_seq)).toMatchObject({
    payment_method_status: 'active',
  });
  expect(await readMethod(card)).toMatchObject({ is_default: true });
  await expect(update({ expiry_year: 2061 }, changed_seq)).rejects.toMatchObject({ type: 'stale_version' });
  expect(await update({ expiry_month: 2, expiry_year: 2060 })).toMatchObject({ changed: false });
  await updatePaymentMethodStatus(graph, testHeader(), { ...card, status: 'compromised', reason: 'test' });
  expect(await update({ expiry_year: 2062 })).toMatchObject({ payment_method_status: 'compromised' });
});

test('uses count in any order, and only on the customer’s own devices', async () => {
  const [card] = await wallet(1);
  const [other] = await wallet(1);
  if (!card || !other) throw new Error('no wallet');
  const device = { fingerprint: randomUUID() };
  const { customer_id } = other;
  const { device_id } = await linkDevice(graph, testHeader(), { customer_id, device, by, policy });
  const use = (day: number) =>
    recordPaymentMethodUse(graph, testHeader({ occurredAt: `2031-01-0${day}T00:00:00Z` }), card);
  await Promise.all([2, 3, 1].map(use));
  expect(await readMethod(card)).toMatchObject({ last_used: '2031-01-03T00:00:00.000Z' });
  expect(await use(1)).toMatchObject({ use_count: 5, last_used: '2031-01-03T00:00:00.000Z' });
  await expect(recordPaymentMethodUse(graph, testHeader(), { ...card, device_id })).rejects.toMatchObject({
    type: 'device_not_found',
  });
});

test('the newest observed status stays, in any order of arrival; a decision always counts', async () => {
  const [card] = await wallet(1);
  if (!card) throw new Error('no wallet');
  const observe = (status: 'active' | 'failed' | 'inactive', observed_at?: string) =>
    updatePaymentMethodStatus(graph, testHeader(), { ...card, status, reason: 'test', observed_at });
  expect(await observe('failed', '2035-01-02T00:00:00Z')).toMatchObject({ changed: true });
  expect(await observe('active', '2035-01-01T00:00:00Z')).toMatchObject({ changed: false });
  expect(await readMethod(card)).toMatchObject({ status: 'failed' });
  expect(await observe('active', '2035-01-03T00:00:00Z')).toMatchObject({ changed: true });
  expect(await observe('inactive')).toMatchObject({ changed: true });
});
