/** Reports that an edge has accepted, and the transactions that delete them (docs/reference/workflows.md, 'Accepted messages'). */

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Report } from '../../domain/workflow-contracts.ts';
import type { PaymentFailed, PaymentSettled } from '../../domain/recovery/messages.ts';
import { runCypher, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../../test/wallet-fixtures.ts';
import { clearReports, storeReport, openFromSettlement } from './index.ts';
import { approved, recoveryCommands } from './recovery-fixtures.ts';

const DAY = 86_400_000;
const { graph, policy, open, opened, claim, record, close, log } = await recoveryCommands();

const store = (report: Report, { customer_id }: Pick<TestWallet, 'customer_id'>) =>
  storeReport(graph, testHeader(), report, customer_id);
const storedKinds = async (payment_id: string) => {
  const rows = await graph.read<{ kind: string }>(
    'MATCH (r:AcceptedReport {payment_id: $payment_id}) RETURN r.kind AS kind ORDER BY kind',
    { payment_id },
  );
  return rows.map(({ kind }) => kind);
};
const settlementOf = (
  { customer_id, payment_id }: Pick<PaymentFailed, 'customer_id' | 'payment_id'>,
  changes: Partial<PaymentSettled> = {},
): PaymentSettled => {
  const settled_at = new Date().toISOString();
  return { event_id: randomUUID(), payment_id, customer_id, settled_at, ...changes };
};
const settle = (settlement: PaymentSettled, key: string = randomUUID()) =>
  openFromSettlement(graph, testHeader({ idempotencyKey: key }), {
    ...{ settlement, policy, now: Date.now() },
    evidence: 'paid',
  });

test('a report is sealed, appears in no log, and is stored once however often it is accepted', async () => {
  const wallet = await customerWithCards(graph, policy);
  const message = failureOf(wallet, { description: 'Magazine for Ms Known' });
  const events = await log(wallet);
  await Promise.all([1, 2, 3].map(() => store({ kind: 'payment_failed', message }, wallet)));
  const { payment_id, event_id } = message;
  const rows = await graph.read<{ report: Record<string, string> }>(
    'MATCH (r:AcceptedReport {payment_id: $payment_id}) RETURN properties(r) AS report',
    { payment_id },
  );
  expect(rows).toHaveLength(1);
  const ids = { kind: 'payment_failed', event_id, payment_id, customer_id: wallet.customer_id };
  expect(rows[0]?.report).toEqual({
    ...ids,
    at: expect.any(String),
    says_paid: false,
    body: expect.stringMatching(/^s1:/),
  });
  expect(JSON.stringify(rows)).not.toContain('Magazine');
  expect(await log(wallet)).toEqual(events);
  expect(
    await graph.read('MATCH (r:CommandReceipt {key: $key}) RETURN r', {
      key: `accept:payment_failed:${event_id}`,
    }),
  ).toEqual([]);
});

test('one event may have reports of several kinds, each deleted separately', async () => {
  const wallet = await customerWithCards(graph, policy);
  const event_id = randomUUID();
  const failure = failureOf(wallet, { event_id });
  const { payment_id } = failure;
  const result = { event_id, payment_id, gateway_ref: 'pi_1', result: 'declined' } as const;
  await store({ kind: 'charge_result', message: result }, wallet);
  await store({ kind: 'payment_failed', message: failure }, wallet);
  await store({ kind: 'payment_settled', message: settlementOf(failure, { event_id }) }, wallet);
  await open(failure);
  expect(await storedKinds(payment_id)).toEqual(['charge_result', 'payment_settled']);
});

test('the transaction that decides on a failure deletes its report, whatever the decision', async () => {
  const wallet = await customerWithCards(graph, policy);
  const ended = failureOf(wallet);
  await opened(ended);
  await close(ended.payment_id, { outcome: 'stopped', rule: 'STOP' });
  const owed = failureOf(wallet);
  await opened(owed);
  const anotherReport = (failure: PaymentFailed, changes: Partial<PaymentFailed> = {}) => ({
    ...failure,
    event_id: randomUUID(),
    occurred_at: new Date(Date.now() + 1_000).toISOString(),
    ...changes,
  });
  const old = new Date(Date.now() - 30 * DAY).toISOString();
  const expected: [PaymentFailed, string][] = [
    [failureOf(wallet), 'opened'],
    [anotherReport(owed), 'noted'],
    [owed, 'unchanged'],
    [anotherReport(owed, { occurred_at: old }), 'unchanged'],
    [anotherReport(ended), 'closed'],
    [failureOf(wallet, { occurred_at: old }), 'ignored'],
    [failureOf(wallet, { payment_method_id: randomUUID() }), 'refused'],
    [anotherReport(owed, { amount: 1 }), 'refused'],
  ];
  for (const [message, result] of expected) {
    await store({ kind: 'payment_failed', message }, wallet);
    expect(await open(message)).toMatchObject({ result });
    expect(await storedKinds(message.payment_id), result).toEqual([]);
  }
});

test('a repeated report is deleted, whether the receipt of the first one answers or refuses it', async () => {
  const wallet = await customerWithCards(graph, policy);
  const message = failureOf(wallet);
  const key = randomUUID();
  await open(message, { key });
  await store({ kind: 'payment_failed', message }, wallet);
  await open(message, { key });
  expect(await storedKinds(message.payment_id)).toEqual([]);

  const other = { ...message, reason: 'another body under the same id' };
  await store({ kind: 'payment_failed', message: other }, wallet);
  await expect(open(other, { key })).rejects.toMatchObject({ type: 'idempotency_key_reused' });
  expect(await storedKinds(message.payment_id)).toEqual([]);
});

test('the report of another payment under the same event id stays', async () => {
  const wallet = await customerWithCards(graph, policy);
  const first = failureOf(wallet);
  const second = failureOf(wallet, { event_id: first.event_id });
  await store({ kind: 'payment_failed', message: first }, wallet);
  await open(second);
  expect(await storedKinds(first.payment_id)).toEqual(['payment_failed']);
});

test('a command that fails leaves the report', async () => {
  const wallet = await customerWithCards(graph, policy);
  const message = failureOf(wallet);
  await store({ kind: 'payment_failed', message }, wallet);
  const { customer_id } = wallet;
  const key = 'MATCH (k:CustomerKey {customer_id: $customer_id})';
  // As if wrapped by a key that this ring lacks.
  const lost = `${key} SET k.key_id = 'gone', k.wrapped = 'AAAA' + k.wrapped`;
  await runCypher(graph, lost, { customer_id });
  await expect(open(message)).rejects.toMatchObject({ type: 'key_unavailable' });
  expect(await storedKinds(message.payment_id)).toEqual(['payment_failed']);
  const found = `${key} SET k.key_id = 'test', k.wrapped = substring(k.wrapped, 4)`;
  await runCypher(graph, found, { customer_id });
  expect(await open(message)).toMatchObject({ result: 'opened' });
  expect(await storedKinds(message.payment_id)).toEqual([]);
});

test('a settlement report is deleted with its effects, and stays while its obligation is open', async () => {
  const wallet = await customerWithCards(graph, policy);
  const early = settlementOf({ ...wallet, payment_id: `invoice-${randomUUID()}` });
  await store({ kind: 'payment_settled', message: early }, wallet);
  expect(await settle(early)).toMatchObject({ result: 'closed' });
  expect(await storedKinds(early.payment_id)).toEqual([]);

  const owed = failureOf(wallet);
  await opened(owed);
  const [, method = ''] = wallet.methods;
  await claim(owed.payment_id, method);
  const settlement = settlementOf(owed, { gateway_payment_ref: `pi_${randomUUID()}` });
  await store({ kind: 'payment_settled', message: settlement }, wallet);
  expect(await settle(settlement)).toMatchObject({ result: 'unchanged' });
  expect(await storedKinds(owed.payment_id)).toEqual(['payment_settled']);

  await record(owed.payment_id, method, approved);
  const key = randomUUID();
  expect(await settle(settlement, key)).toMatchObject({ second: expect.any(String) });
  expect(await storedKinds(owed.payment_id)).toEqual([]);

  await store({ kind: 'payment_settled', message: settlement }, wallet);
  expect(await settle(settlement, key)).toMatchObject({ second: expect.any(String) });
  expect(await storedKinds(owed.payment_id)).toEqual([]);

  const otherCustomersSettlement = settlementOf({ ...owed, customer_id: randomUUID() });
  await store({ kind: 'payment_settled', message: otherCustomersSettlement }, wallet);
  expect(await settle(otherCustomersSettlement)).toMatchObject({ result: 'refused' });
  expect(await storedKinds(owed.payment_id)).toEqual([]);
});

describe('a report of an external payment blocks the next charge until it is processed', () => {
  const update = { event_id: randomUUID(), gateway_ref: `pi_${randomUUID()}` };
  const messages = {
    'a settlement': (owed: PaymentFailed) => ({
      ...{ kind: 'payment_settled', message: settlementOf(owed) },
    }),
    'the success of an external payment': ({ payment_id }: PaymentFailed) => ({
      ...{ kind: 'charge_result', message: { ...update, payment_id, result: 'approved' } },
    }),
  } as const satisfies Record<string, (owed: PaymentFailed) => Report>;

  test.each(Object.entries(messages))('%s', async (_, messageOf) => {
    const wallet = await customerWithCards(graph, policy);
    const owed = failureOf(wallet);
    await opened(owed);
    const [, method = ''] = wallet.methods;
    const report: Report = messageOf(owed);
    await store(report, wallet);
    const { payment_id } = owed;
    const blocked = { result: 'blocked', by: payment_id, since: expect.any(Number), what: 'report' };
    expect(await claim(payment_id, method)).toEqual(blocked);
    const { event_id } = report.message;
    const reports = [{ kind: report.kind, event_id }];
    await clearReports(graph, testHeader(), { payment_id, reports });
    expect(await claim(payment_id, method)).toMatchObject({ result: 'claimed' });
  });

  test('a later failure opens the obligation without a claim', async () => {
    const wallet = await customerWithCards(graph, policy);
    const owed = failureOf(wallet);
    await store({ kind: 'payment_settled', message: settlementOf(owed) }, wallet);
    expect(await open(owed, { claim_first: true })).toMatchObject({
      result: 'opened',
      first: { claim: { result: 'blocked', what: 'report' } },
    });
  });

  test('a report on Persona’s own charge does not block the next one', async () => {
    const wallet = await customerWithCards(graph, policy);
    const owed = failureOf(wallet);
    await opened(owed);
    const { payment_id } = owed;
    const attempt_key = `recovery:${payment_id}:any:1`;
    await store(
      { kind: 'charge_result', message: { ...update, payment_id, attempt_key, result: 'approved' } },
      wallet,
    );
    const [, method = ''] = wallet.methods;
    expect(await claim(payment_id, method)).toMatchObject({ result: 'claimed' });
  });
});
