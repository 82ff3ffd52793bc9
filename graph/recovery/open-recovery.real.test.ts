import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { attemptKey } from '../../domain/workflow-contracts.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../../test/wallet-fixtures.ts';
import { getRecoveries, getRecovery, openFromSettlement, resumeRecovery } from './index.ts';
import { approved, recoveryCommands } from './recovery-fixtures.ts';

const DAY = 86_400_000;
const { graph, policy, claim, open, openWithEnded, opened, record, wallet, log } = await recoveryCommands();

test('a failure opens the obligation, is recorded as a reported attempt, and claims the newest alternative', async () => {
  const customer = await customerWithCards(graph, policy);
  const [failed, second, third] = customer.methods as [string, string, string];
  const failure = failureOf(customer);
  const opening = await open(failure, { claim_first: true });
  expect(opening).toMatchObject({
    result: 'opened',
    recovery: {
      state: 'open',
      alternatives: [third, second],
      failure: { class: 'LATER', rule: 'stripe:insufficient_funds' },
    },
    first: { payment_method_id: third, claim: { result: 'claimed', attempt: { n: 1 } } },
  });
  expect(await getRecovery(graph, failure.payment_id)).toMatchObject({
    state: 'charging',
    class: 'LATER',
    failed_payment_method_id: failed,
    amount: 4900,
    currency: 'USD',
    attempts: [{ key: attemptKey(failure.payment_id, third, 1), state: 'in_flight' }],
  });
  const types = (await log(customer)).map((event) => event.type);
  expect(types.slice(-3)).toEqual(['RecoveryOpened', 'RecoveryAttempted', 'ChargeClaimed']);
});

test('the same opening repeated, as after a crash, finds its own claim and writes nothing twice', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  const first = await open(failure, { claim_first: true, key: `open:run-1:${failure.event_id}` });
  const before = await log(customer);
  const again = await open(failure, { claim_first: true, key: `open:run-1:${failure.event_id}` });
  expect(again).toEqual(first);
  expect(await log(customer)).toEqual(before);
});

test('a duplicate, an older and a stale failure change nothing', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  await open(failure);
  const before = await log(customer);
  const older = { ...failure, event_id: randomUUID(), occurred_at: new Date(Date.now() - DAY).toISOString() };
  expect((await open(failure)).result).toBe('unchanged');
  expect((await open(older)).result).toBe('unchanged');
  const stale = failureOf(customer, { occurred_at: new Date(Date.now() - 15 * DAY).toISOString() });
  expect(await open(stale)).toEqual({ result: 'ignored' });
  expect(await getRecovery(graph, stale.payment_id)).toBeUndefined();
  expect(await log(customer)).toEqual(before);
});

test('a newer failure of an open obligation is recorded and changes its method', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  await open(failure);
  const later = new Date(Date.now() + 1_000).toISOString();
  const newer = { ...failure, event_id: randomUUID(), occurred_at: later, decline_code: 'expired_card' };
  expect(await open(newer, { now: Date.now() + 2_000 })).toMatchObject({
    result: 'noted',
    recovery: { failure: { class: 'FIX' } },
  });
  expect((await wallet(customer))[failure.payment_method_id]).toMatchObject({ status: 'expired' });
});

test.each<[string, (failure: PaymentFailed, other: TestWallet) => Partial<PaymentFailed>, string]>([
  ['unknown customer', () => ({ customer_id: randomUUID() }), 'customer_not_found'],
  [
    'another customer’s method',
    (_, other) => ({ payment_method_id: other.methods[0] }),
    'payment_method_not_found',
  ],
  ['another amount', () => ({ amount: 4901 }), 'obligation_mismatch'],
  ['another currency', () => ({ currency: 'EUR' }), 'obligation_mismatch'],
])('a report with an %s is refused and nothing is written', async (_, change, type) => {
  const [customer, other] = await Promise.all([
    customerWithCards(graph, policy),
    customerWithCards(graph, policy, { cards: 1 }),
  ]);
  const failure = failureOf(customer);
  await open(failure);
  const before = await log(customer);
  const occurred_at = new Date(Date.now() + 1_000).toISOString();
  const bad = { ...failure, event_id: randomUUID(), occurred_at, ...change(failure, other) };
  expect(await open(bad)).toMatchObject({ result: 'refused', type });
  expect(await log(customer)).toEqual(before);
});

test.each<[string, string, string, boolean]>([
  ['stolen_card', 'FRAUD', 'compromised', true],
  ['fraudulent', 'FRAUD', 'failed', true],
  ['invalid_account', 'HARD', 'inactive', true],
  ['expired_card', 'FIX', 'expired', true],
  ['revocation_of_authorization', 'STOP', 'active', false],
  ['insufficient_funds', 'LATER', 'active', true],
])('%s is %s: the method becomes %s', async (decline_code, declineClass, status, consent) => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer, { decline_code });
  const opening = await open(failure);
  expect(opening).toMatchObject({ recovery: { failure: { class: declineClass } } });
  const [row] = await graph.read(
    'MATCH (:Customer {id: $id})-[h]->(p:PaymentMethod {id: $pm}) RETURN p.status AS status, h.off_session_consent AS consent',
    { id: customer.customer_id, pm: failure.payment_method_id },
  );
  expect(row).toEqual({ status, consent });
});

test('a report from the future is refused: it would make every genuine one look older', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer, { occurred_at: new Date(Date.now() + DAY).toISOString() });
  expect(await open(failure)).toMatchObject({ result: 'refused', problems: [{ field: 'occurred_at' }] });
});

test('a consent withdrawn for the merchant ends the customer’s other recoveries of that method', async () => {
  const customer = await customerWithCards(graph, policy);
  const same = await opened(failureOf(customer));
  const other = failureOf(customer, { payment_method_id: customer.methods[1] as string });
  await open(other);
  const { endedRecoveries } = await openWithEnded(
    failureOf(customer, { network: 'visa', network_code: 'R1' }),
  );
  expect(endedRecoveries).toEqual([same.payment_id]);
  // Also if its run is lost and never signalled.
  expect(await claim(same.payment_id, customer.methods[2] as string)).toEqual({
    result: 'refused',
    rule: 'consent_revoked',
  });
  const { payment_id } = same;
  const resumed = await resumeRecovery(graph, { payment_id, policy, now: Date.now() });
  expect(resumed).toMatchObject({ recovery: { state: 'open', consent_revoked: true } });
});

test('the effects of a report on its method apply also after the payment was recovered', async () => {
  const customer = await customerWithCards(graph, policy);
  const third = customer.methods[2] as string;
  const failure = failureOf(customer);
  await open(failure, { claim_first: true });
  await record(failure.payment_id, third, approved);
  const occurred_at = new Date(Date.now() + 1_000).toISOString();
  const stolen = { ...failure, event_id: randomUUID(), occurred_at, decline_code: 'stolen_card' };
  expect(await open(stolen)).toMatchObject({ result: 'closed', obligation: { outcome: 'recovered' } });
  const [row] = await graph.read('MATCH (p:PaymentMethod {id: $id}) RETURN p.status AS status', {
    id: failure.payment_method_id,
  });
  expect(row).toEqual({ status: 'compromised' });
});

test('a settlement of an unknown payment closes it in advance: a later failure charges nothing', async () => {
  const customer = await customerWithCards(graph, policy);
  const failure = failureOf(customer);
  const { payment_id, customer_id } = failure;
  const settlement = {
    event_id: randomUUID(),
    payment_id,
    customer_id,
    settled_at: new Date().toISOString(),
  };
  const settled = await openFromSettlement(graph, testHeader(), { settlement, policy, now: Date.now() });
  expect(settled).toMatchObject({ result: 'closed', obligation: { outcome: 'paid_elsewhere' } });
  expect(await getRecovery(graph, payment_id)).toBeUndefined();
  const closed = { result: 'closed', obligation: { outcome: 'paid_elsewhere' } };
  // It happened before the settlement, and is reported after it.
  expect(await open(failure, { claim_first: true })).toMatchObject(closed);
  expect(await getRecovery(graph, payment_id)).toMatchObject({
    ...{ state: 'done', outcome: 'paid_elsewhere', rule: 'settled', class: 'LATER', attempts: [] },
    ...{ failed_payment_method_id: failure.payment_method_id, amount: failure.amount, currency: 'USD' },
  });
  expect(await getRecoveries(graph, { customer_id, limit: 10 })).toMatchObject([{ payment_id }]);
  const later = {
    ...failure,
    event_id: randomUUID(),
    occurred_at: new Date(Date.now() + 1_000).toISOString(),
  };
  expect(await open(later, { claim_first: true })).toMatchObject(closed);
});
