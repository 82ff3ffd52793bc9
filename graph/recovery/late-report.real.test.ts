/** Reports that are older than what was applied, or too old to act on: their permanent effects still apply. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { begin } from '../../domain/recovery/begin.ts';
import { decide } from '../../domain/recovery/decide.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import { setOffSessionConsent } from '../index.ts';
import { verifyCustomer } from '../replay/verify.ts';
import { getRecovery, resumeRecovery } from './index.ts';
import { recoveryCommands } from './recovery-fixtures.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const { graph, policy, open, openWithEnded, opened, claim, wallet } = await recoveryCommands();

const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
const anotherReport = (failure: PaymentFailed, changes: Partial<PaymentFailed>): PaymentFailed => ({
  ...failure,
  event_id: randomUUID(),
  ...changes,
});

test.each([
  ['older than the failure that was applied', 10 * MINUTE],
  ['older than the maximum age of an event', 20 * DAY],
])('a STOP that is %s ends the open recovery and withdraws the consent', async (_, age) => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  const { payment_id } = await opened(failure);
  const stop = anotherReport(failure, { network: 'visa', network_code: 'R1', occurred_at: ago(age) });
  const opening = await open(stop);
  expect(opening).toMatchObject({ result: 'noted', recovery: { failure: { class: 'STOP' } } });
  expect((await wallet(customer))[failure.payment_method_id]).toMatchObject({ off_session_consent: false });
  // A run that takes over before the obligation is closed stops as well.
  const resumed = await resumeRecovery(graph, { payment_id, policy, now: Date.now() });
  if (!('recovery' in resumed)) throw new Error('not resumed');
  expect(decide(begin(resumed.recovery), Date.now())).toMatchObject({
    do: 'close',
    ending: { outcome: 'stopped' },
  });
  expect(await verifyCustomer(graph, customer.customer_id)).toEqual([]);
});

test('a card that is reported stolen late is compromised, and the open recovery ends', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  await open(failure);
  const stolen = anotherReport(failure, { decline_code: 'stolen_card', occurred_at: ago(20 * DAY) });
  expect(await open(stolen)).toMatchObject({
    result: 'noted',
    recovery: { failure: { class: 'FRAUD', notify_chimera: true } },
  });
  expect((await wallet(customer))[failure.payment_method_id]).toMatchObject({ status: 'compromised' });
});

test('a revocation too old to open a recovery is applied, and ends the other recoveries of that card', async () => {
  const customer = await customerWithCards(graph, policy);
  const other = await opened(failureOf(customer));
  const stale = failureOf(customer, { network: 'visa', network_code: 'R1', occurred_at: ago(20 * DAY) });
  const { opening, endedRecoveries } = await openWithEnded(stale);
  expect(opening).toEqual({ result: 'ignored' });
  expect(endedRecoveries).toEqual([other.payment_id]);
  expect(await getRecovery(graph, stale.payment_id)).toBeUndefined();
  expect((await wallet(customer))[customer.methods[0] as string]).toMatchObject({
    off_session_consent: false,
  });
  expect(await openWithEnded(stale)).toEqual({ opening: { result: 'ignored' }, endedRecoveries: [] });
  expect(await verifyCustomer(graph, customer.customer_id)).toEqual([]);
});

test('a card that must never be tried again is forbidden however late that is reported; the recovery continues', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  const { payment_id } = await opened(failure);
  const [, second, third] = customer.methods as [string, string, string];
  const dead = anotherReport(failure, {
    payment_method_id: third,
    network: 'visa',
    network_code: '14',
    occurred_at: ago(20 * DAY),
  });
  expect(await open(dead)).toMatchObject({
    result: 'unchanged',
    recovery: { failure: { class: 'LATER' } },
  });
  expect(await claim(payment_id, third)).toMatchObject({ result: 'refused' });
  expect(await claim(payment_id, second)).toMatchObject({ result: 'claimed' });
});

test('an older failure without permanent effects changes nothing', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  await open(failure);
  const older = anotherReport(failure, { decline_code: 'expired_card', occurred_at: ago(10 * MINUTE) });
  expect((await open(older)).result).toBe('unchanged');
  expect((await wallet(customer))[failure.payment_method_id]).toMatchObject({ status: 'active' });
});

test('a withdrawal of consent is void if the customer has consented again since', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer, { occurred_at: ago(30 * MINUTE) });
  const { payment_id } = await opened(failure);
  const method = { customer_id: customer.customer_id, payment_method_id: failure.payment_method_id };
  const consent = (off_session_consent: boolean, source: string, minutes: number) =>
    setOffSessionConsent(graph, testHeader({ occurredAt: ago(minutes * MINUTE) }), {
      ...method,
      off_session_consent,
      source,
    });
  await consent(false, 'customer', 20);
  await consent(true, 'customer', 10);
  const revoked = { decline_code: 'revocation_of_authorization' };
  expect(await open(anotherReport(failure, { ...revoked, occurred_at: ago(15 * MINUTE) }))).toMatchObject({
    recovery: { failure: { class: 'LATER' } },
  });
  expect((await wallet(customer))[failure.payment_method_id]).toMatchObject({ off_session_consent: true });
  // A withdrawal after that consent counts, and a decline that stops only one payment is never void.
  const stopped = { network: 'visa', network_code: 'R0', occurred_at: ago(15 * MINUTE) } as const;
  expect(await open(anotherReport(failure, stopped))).toMatchObject({
    recovery: { failure: { class: 'STOP' } },
  });
  expect(await open(anotherReport(failure, { ...revoked, occurred_at: ago(MINUTE) }))).toMatchObject({
    recovery: { payment_id, failure: { class: 'STOP' } },
  });
  expect((await wallet(customer))[failure.payment_method_id]).toMatchObject({ off_session_consent: false });
});

test('a later consent given by a service does not make a withdrawal void', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  await open(failure);
  const stop = anotherReport(failure, {
    decline_code: 'revocation_of_authorization',
    occurred_at: ago(MINUTE),
  });
  expect(await open(stop)).toMatchObject({ result: 'noted', recovery: { failure: { class: 'STOP' } } });
});

test('a payment that was stopped before it was opened is not recovered', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  const stop = anotherReport(failure, { network: 'visa', network_code: 'R0', occurred_at: ago(20 * DAY) });
  expect(await open(stop)).toEqual({ result: 'ignored' });
  const opening = await open(failure, { claim_first: true });
  expect(opening).toMatchObject({ result: 'opened', recovery: { failure: { class: 'STOP' } } });
  expect(opening).not.toHaveProperty('first');
});
