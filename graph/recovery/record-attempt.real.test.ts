import { expect, test } from 'vitest';
import { attemptKey } from '../../domain/workflow-contracts.ts';
import { testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import { getPaymentMethodToken, removePaymentMethod, setDefaultPaymentMethod } from '../index.ts';
import {
  closeRecovery,
  endReview,
  flagForReview,
  getChargeOrder,
  getObligation,
  getRecovery,
} from './index.ts';
import { approved, declined, recoveryCommands } from './recovery-fixtures.ts';

const { graph, policy, open, opened, claim, record, wallet, log } = await recoveryCommands();

test('an approval pays the obligation, makes the charged card the default and unblocks the others', async () => {
  const customer = await customerWithCards(graph, policy);
  const [failed, second, third] = customer.methods as [string, string, string];
  await setDefaultPaymentMethod(graph, testHeader(), {
    customer_id: customer.customer_id,
    payment_method_id: failed,
    by: 'customer',
  });
  const failure = failureOf(customer);
  const other = await opened(failureOf(customer));
  await open(failure, { claim_first: true });
  expect(await claim(other.payment_id, second)).toMatchObject({ result: 'blocked', what: 'customer' });
  const { recorded, unblocked } = await record(failure.payment_id, third, approved);
  expect(recorded).toMatchObject({
    attempt: { state: 'approved', gateway_ref: 'ch_1' },
    obligation_state: 'recovered',
  });
  expect(unblocked).toEqual([other.payment_id]);
  const methods = await wallet(customer);
  expect(methods[third]).toMatchObject({ is_default: true });
  expect(Date.parse(methods[third]?.last_used as string)).toBeGreaterThan(Date.now() - 60_000);
  expect(await getRecovery(graph, failure.payment_id)).toMatchObject({
    state: 'done',
    outcome: 'recovered',
    rule: 'approved',
  });
  expect(await claim(failure.payment_id, second)).toMatchObject({
    result: 'already_paid',
    obligation: { outcome: 'recovered' },
  });
});

test('a default that the customer has chosen meanwhile stays', async () => {
  const customer = await customerWithCards(graph, policy);
  const [failed, second, third] = customer.methods as [string, string, string];
  const { customer_id } = customer;
  await setDefaultPaymentMethod(graph, testHeader(), {
    customer_id,
    payment_method_id: failed,
    by: 'customer',
  });
  const failure = failureOf(customer, { decline_code: 'expired_card' });
  await open(failure, { claim_first: true });
  await setDefaultPaymentMethod(graph, testHeader(), {
    customer_id,
    payment_method_id: second,
    by: 'customer',
  });
  await record(failure.payment_id, third, approved);
  expect((await wallet(customer))[second]).toMatchObject({ is_default: true });
});

test('a default that was chosen meanwhile counts even if a rule has replaced it since', async () => {
  const customer = await customerWithCards(graph, policy, { cards: 4 });
  const [failed, second, third, fourth] = customer.methods as [string, string, string, string];
  const { customer_id } = customer;
  const choose = (payment_method_id: string) =>
    setDefaultPaymentMethod(graph, testHeader(), { customer_id, payment_method_id, by: 'customer' });
  await choose(failed);
  const failure = failureOf(customer, { decline_code: 'expired_card' });
  await open(failure, { claim_first: false });
  await choose(second);
  await claim(failure.payment_id, third);
  await removePaymentMethod(graph, testHeader(), { customer_id, payment_method_id: second, by: 'customer' });
  expect((await wallet(customer))[fourth]).toMatchObject({ is_default: true });
  await record(failure.payment_id, third, approved);
  expect((await wallet(customer))[fourth]).toMatchObject({ is_default: true });
});

test('the charged card becomes the default if the failed card lost that place by this failure', async () => {
  const customer = await customerWithCards(graph, policy, { cards: 3 });
  const [failed, second, third] = customer.methods as [string, string, string];
  const { customer_id } = customer;
  await setDefaultPaymentMethod(graph, testHeader(), {
    customer_id,
    payment_method_id: failed,
    by: 'customer',
  });
  const failure = failureOf(customer, { decline_code: 'expired_card' });
  await open(failure, { claim_first: true });
  await record(failure.payment_id, third, declined('insufficient_funds'));
  await claim(failure.payment_id, second);
  await record(failure.payment_id, second, approved);
  expect((await wallet(customer))[second]).toMatchObject({ is_default: true });
});

test('a certain outcome does not become uncertain again, and recording twice writes once', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  const header = testHeader();
  const first = await record(payment_id, third, approved, 1, header);
  const before = await log(customer);
  expect(await record(payment_id, third, approved, 1, header)).toEqual(first);
  const later = await record(payment_id, third, { result: 'unknown', reason: 'a late timeout' });
  expect(later.recorded.attempt.state).toBe('approved');
  expect(await log(customer)).toEqual(before);
});

test('a second approval is recorded as overpaid, and the obligation stays recovered', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  await record(payment_id, third, declined('insufficient_funds'));
  await claim(payment_id, second);
  await record(payment_id, second, approved);
  await record(payment_id, third, { ...approved, charge_ref: 'ch_2' });
  const types = (await log(customer)).map((event) => event.type);
  expect(types.filter((type) => type === 'RecoveryClosed')).toHaveLength(1);
  expect(types.at(-1)).toBe('RecoveryOverpaid');
});

test('a review ends when an operator ends it, or when its unresolved attempt is resolved', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  await record(payment_id, third, { result: 'unknown', reason: 'timeout' });
  await flagForReview(graph, testHeader(), { payment_id, rule: 'attempt_unknown' });
  await record(payment_id, third, declined('insufficient_funds'));
  expect((await getRecovery(graph, payment_id))?.state).toBe('waiting');
  await flagForReview(graph, testHeader(), { payment_id, rule: 'visa:03' });
  await endReview(graph, testHeader(), { payment_id });
  expect((await getRecovery(graph, payment_id))?.state).toBe('waiting');
});

test.each([
  ['gets another payment', {}, 'waiting', 'payment_cancelled'],
  [
    'waits for an operator if that was done on purpose',
    { because: 'duplicate' },
    'needs_review',
    'payment_withdrawn',
  ],
] as const)('an open obligation whose payment was cancelled %s', async (_, because, state, rule) => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  await record(payment_id, third, declined('insufficient_funds'));
  await claim(payment_id, second);
  const order = async (n: number) =>
    (await getChargeOrder(graph, { key: attemptKey(payment_id, second, n), payment_id })).charge;
  expect(await order(1)).toMatchObject({ gateway_ref: 'pi_1' });
  const cancelled = { gateway_ref: 'pi_1', ...because };
  const { recorded } = await record(payment_id, second, {
    result: 'not_sent',
    reason: 'cancelled',
    cancelled,
  });
  expect(recorded.attempt).toMatchObject({ state: 'void', rule });
  expect((await getRecovery(graph, payment_id))?.state).toBe(state);
  if (state === 'needs_review') {
    expect(await claim(payment_id, second, 2)).toEqual({ result: 'refused', rule: 'under_review' });
    await endReview(graph, testHeader(), { payment_id });
  }
  expect(await claim(payment_id, second, 2)).toMatchObject({ result: 'claimed' });
  // Nothing of the old payment is left: this attempt creates its own.
  expect(await order(2)).not.toHaveProperty('gateway_ref');
  await record(payment_id, second, { ...approved, gateway_ref: 'pi_2' }, 2);
  expect(await getObligation(graph, payment_id)).toMatchObject({ state: 'recovered', gateway_ref: 'pi_2' });
});

test('a cancelled payment is abandoned only if it is the obligation’s own and the obligation is open', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  await record(payment_id, third, { result: 'unknown', reason: 'timeout', gateway_ref: 'pi_1' });
  const voided = { result: 'not_sent', reason: 'cancelled' } as const;
  await closeRecovery(graph, testHeader(), { payment_id, outcome: 'paid_elsewhere', rule: 'settled' });
  await record(payment_id, third, { ...voided, cancelled: { gateway_ref: 'pi_1', because: 'duplicate' } });
  expect(await getObligation(graph, payment_id)).toMatchObject({
    state: 'paid_elsewhere',
    gateway_ref: 'pi_1',
  });
});

test('a success of another method is attributed to that method, whichever attempt reports it', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  await record(payment_id, third, { result: 'not_sent', reason: 'no charge' });
  await claim(payment_id, second);
  const token = (
    await getPaymentMethodToken(graph, { customer_id: customer.customer_id, payment_method_id: third })
  )?.reveal();
  const { recorded } = await record(payment_id, second, { ...approved, charged_token: token });
  expect(recorded.attempt).toMatchObject({ payment_method_id: third, state: 'approved' });
  expect((await getRecovery(graph, payment_id))?.attempts.map(({ state }) => state)).toEqual([
    'approved',
    'void',
  ]);
  expect((await wallet(customer))[third]).toMatchObject({ is_default: true });
});

test('an attempt declined as UNKNOWN is unresolved, and nothing else is charged until it is resolved', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  const header = testHeader();
  const { recorded } = await record(payment_id, third, declined('duplicate_transaction'), 1, header);
  const unresolved = { state: 'unknown', class: 'UNKNOWN', code: 'duplicate_transaction' };
  expect(recorded.attempt).toMatchObject(unresolved);
  expect(await claim(payment_id, second)).toMatchObject({ result: 'blocked', own: unresolved });
  expect((await wallet(customer))[third]).toMatchObject({ status: 'active' });
  // Repeated, by the same or another activity, it changes nothing.
  const events = await log(customer);
  await record(payment_id, third, declined('duplicate_transaction'), 1, header);
  await record(payment_id, third, declined('duplicate_transaction'));
  expect(await log(customer)).toEqual(events);
  // An operator's resolution is a decline as well.
  const resolution = { result: 'declined', codes: { reason: 'resolved by a person' } } as const;
  const resolved = await record(payment_id, third, resolution, 1, header);
  expect(resolved.recorded.attempt).toMatchObject({ state: 'declined', class: 'LATER' });
  expect(await claim(payment_id, second)).toMatchObject({ result: 'claimed' });
});

test('a payment that was withdrawn before Persona knew it goes to review once', async () => {
  const customer = await customerWithCards(graph, policy);
  const [, second, third] = customer.methods as [string, string, string];
  const { payment_id } = await opened(failureOf(customer));
  await claim(payment_id, third);
  const cancelled = { gateway_ref: 'pi_withdrawn', because: 'duplicate' };
  await record(payment_id, third, { result: 'not_sent', reason: 'cancelled', cancelled });
  expect(await getObligation(graph, payment_id)).toMatchObject({
    ...{ state: 'needs_review', rule: 'payment_withdrawn' },
  });
  await endReview(graph, testHeader(), { payment_id });
  await claim(payment_id, second);
  const { charge } = await getChargeOrder(graph, { key: attemptKey(payment_id, second, 1) });
  expect(charge).toMatchObject({ collect_again: true, opened_at: expect.any(Number) });
});
