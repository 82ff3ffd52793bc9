/** The notice about the end of a recovery stays due in the graph until it is sent, even if the run is lost. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ChargeAnswer, GatewayRefund, PaymentNoticeTemplate } from '../../domain/ports.ts';
import { recoveryNotificationId } from '../../domain/workflow-contracts.ts';
import { readPolicy } from '../../platform/policy.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../../test/test-graph.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import { failureOf } from '../../test/wallet-fixtures.ts';
import type { Graph } from '../index.ts';
import {
  closeRecovery,
  findNoticesDue,
  finishNotice,
  followRefunds,
  getObligation,
  NOTICES_CALLER,
  openRecovery,
  recordRefund,
} from './index.ts';

const MINUTE = 60_000;
const policy = readPolicy();
const approved: ChargeAnswer = { result: 'approved', charge_ref: 'ch_1' };
const declined: ChargeAnswer = { result: 'declined', codes: { decline_code: 'insufficient_funds' } };
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

/** The notices of that payment as the sweep finds them later. */
async function dueOf(payment_id: string, before = Date.now() + MINUTE) {
  // The page that starts with it.
  const after = payment_id.slice(0, -1);
  const { due } = await findNoticesDue(graph, { after, limit: 100, before });
  return due.filter((notice) => notice.payment_id === payment_id);
}

const templates = async (payment_id: string) => (await dueOf(payment_id)).map(({ template }) => template);

const closeWith = (
  payment_id: string,
  outcome: 'stopped' | 'exhausted' | 'cancelled',
  notice?: PaymentNoticeTemplate,
) => closeRecovery(graph, testHeader(), { payment_id, outcome, rule: 'test' }, notice);

const finish = (notice: { notification_id: string; customer_id: string; payment_id: string }) =>
  finishNotice(graph, testHeader({ caller: NOTICES_CALLER }), {
    ...notice,
    template: 'recovered',
    channel: 'email',
  });

test('the notice of a recovery is due from the commit of the success until it is sent', async () => {
  const { payment_id, customer_id, record } = await claimedObligation(graph, policy);
  expect(await dueOf(payment_id)).toEqual([]);
  await record(approved);
  const { opened_at, closed_at = '' } = await getObligation(graph, payment_id);
  const notification_id = recoveryNotificationId(payment_id, Date.parse(opened_at), 'recovered');
  expect(await dueOf(payment_id)).toEqual([
    { notification_id, payment_id, customer_id, template: 'recovered', due_since: Date.parse(closed_at) },
  ]);
  // Its own run still takes care of it.
  expect(await dueOf(payment_id, Date.parse(closed_at))).toEqual([]);
  // A notice about another opening is a different one.
  const other = recoveryNotificationId(payment_id, Date.parse(opened_at) - 1, 'recovered');
  await finish({ notification_id: other, customer_id, payment_id });
  expect(await templates(payment_id)).toEqual(['recovered']);
  await finish({ notification_id, customer_id, payment_id });
  expect(await dueOf(payment_id)).toEqual([]);
  expect(await getObligation(graph, payment_id)).not.toHaveProperty('notices_due');
});

test('a notice that was given up is no longer due', async () => {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record(approved);
  const [{ due_since: _, ...notice } = expect.fail('nothing is due')] = await dueOf(payment_id);
  const failed = { ...notice, channel: null, failure: 'no_recipient' };
  await finishNotice(graph, testHeader({ caller: NOTICES_CALLER }), failed);
  expect(await dueOf(payment_id)).toEqual([]);
});

test.each([
  ['stopped', 'payment_stopped'],
  ['exhausted', 'recovery_ended'],
  ['cancelled', undefined],
] as const)(
  'an obligation that ends %s has the notice due that its run names: %s',
  async (outcome, notice) => {
    const { payment_id, record } = await claimedObligation(graph, policy);
    await record(declined);
    await closeWith(payment_id, outcome, notice);
    expect(await templates(payment_id)).toEqual(notice ? [notice] : []);
  },
);

test('a notice of failure that was already sent is not due at the end', async () => {
  const { payment_id, customer_id, record } = await claimedObligation(graph, policy);
  await record(declined);
  const { opened_at } = await getObligation(graph, payment_id);
  const template = 'payment_declined_update_card';
  const notification_id = recoveryNotificationId(payment_id, Date.parse(opened_at), template);
  const sender = testHeader({ caller: NOTICES_CALLER });
  await finishNotice(graph, sender, { notification_id, customer_id, payment_id, template, channel: 'email' });
  await closeWith(payment_id, 'stopped', template);
  // It is never sent again, so nothing would ever end it.
  expect(await dueOf(payment_id)).toEqual([]);
});

test('the customer is notified of a refund once, in addition to the end', async () => {
  const { payment_id, customer_id, record, settle } = await claimedObligation(graph, policy);
  await record(approved);
  await settle(Date.now() + 1_000, `pi_of_others_${payment_id}`);
  const key = `settled:pi_of_others_${payment_id}`;
  expect(await templates(payment_id)).toEqual(['recovered']);
  await recordRefund(graph, testHeader(), {
    now: Date.now(),
    n: 1,
    payment_id,
    key,
    result: { refund_ref: 're_1' },
  });
  await recordRefund(graph, testHeader(), {
    now: Date.now(),
    n: 1,
    payment_id,
    key,
    result: { refund_ref: 're_1' },
  });
  const due = await dueOf(payment_id);
  expect(due.map(({ template }) => template)).toEqual(['recovered', 'refund_issued']);
  expect(due[1]?.notification_id).toMatch(new RegExp(`:refund_issued:${key}$`));
  await finish({ notification_id: due[1]?.notification_id ?? '', customer_id, payment_id });
  expect(await templates(payment_id)).toEqual(['recovered']);
});

test('the customer is not notified of a refund that failed before its notice was sent', async () => {
  const { payment_id, record, settle } = await claimedObligation(graph, policy);
  await record(approved);
  const gateway_ref = `pi_of_others_${payment_id}`;
  await settle(Date.now() + 1_000, gateway_ref);
  const key = `settled:${gateway_ref}`;
  await recordRefund(graph, testHeader(), {
    now: Date.now(),
    n: 1,
    payment_id,
    key,
    result: { refund_ref: 're_1' },
  });
  const byHand = { refund_ref: 're_2', amount: 100, currency: 'USD' } as const;
  const refund = { ...byHand, refund_ref: 're_1', attempt_key: key } as const;
  const follow = (...refunds: GatewayRefund[]) =>
    followRefunds(graph, testHeader(), { now: Date.now(), payment_id, gateway_ref, refunds });
  // An operator's failed refund says nothing about Persona's.
  await follow({ ...refund, state: 'refunded' }, { ...byHand, state: 'failed' });
  expect(await templates(payment_id)).toEqual(['recovered', 'refund_issued']);
  await follow({ ...refund, state: 'failed' });
  expect(await templates(payment_id)).toEqual(['recovered']);
  // The next try succeeds, so the customer is notified after all.
  const again = { now: Date.now() + 25 * 60 * MINUTE, n: 2, payment_id, key };
  const sent = await recordRefund(graph, testHeader(), { ...again, result: { refund_ref: 're_3' } });
  expect(sent).toMatchObject({ refunded: true, notice: expect.any(String) });
  expect(await templates(payment_id)).toEqual(['recovered', 'refund_issued']);
});

test('of two endings the customer is notified only of the true one', async () => {
  const { payment_id, record } = await claimedObligation(graph, policy);
  await record(declined);
  await closeWith(payment_id, 'exhausted', 'recovery_ended');
  // The decline was not final.
  await record(approved);
  expect(await templates(payment_id)).toEqual(['recovered']);
});

test('the customer is not notified of a recovery by a success that has to be refunded', async () => {
  const { payment_id, key, record, settle } = await claimedObligation(graph, policy);
  await record(approved);
  await settle(Date.now() - 60_000, `pi_of_others_${payment_id}`);
  expect(await getObligation(graph, payment_id)).toMatchObject({ state: 'paid_elsewhere' });
  expect(await dueOf(payment_id)).toEqual([]);
  await recordRefund(graph, testHeader(), {
    now: Date.now(),
    n: 1,
    payment_id,
    key,
    result: { refund_ref: 're_1' },
  });
  expect(await templates(payment_id)).toEqual(['refund_issued']);
});

test('a reopened recovery no longer has a notice of its end due', async () => {
  const { payment_id, customer_id, record } = await claimedObligation(graph, policy);
  await record(declined);
  await closeWith(payment_id, 'exhausted', 'recovery_ended');
  const { failed_payment_method_id = '' } = await getObligation(graph, payment_id);
  const occurred_at = new Date(Date.now() + 1_000).toISOString();
  const wallet = { customer_id, methods: [failed_payment_method_id] };
  const failure = failureOf(wallet, { payment_id, occurred_at });
  const input = { failure, policy, now: Date.now() + 2_000, claim_first: false };
  const { opening } = await openRecovery(graph, testHeader({ occurredAt: occurred_at }), input);
  expect(opening).toMatchObject({ result: 'reopened' });
  expect(await getObligation(graph, payment_id)).not.toHaveProperty('notices_due');
});

test('a page has at most the given number of payments and says where the next one starts', async () => {
  const owed: string[] = [];
  for (let made = 0; made < 3; made++) {
    const { payment_id, record } = await claimedObligation(graph, policy);
    await record(approved);
    owed.push(payment_id);
  }
  const found: string[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = await findNoticesDue(graph, { after, limit: 2, before: Date.now() + MINUTE });
    const payments = new Set(page.due.flatMap(({ payment_id = [] }) => payment_id));
    expect(payments.size).toBeLessThanOrEqual(2);
    found.push(...payments);
    after = page.last;
  }
  expect(found).toEqual(expect.arrayContaining(owed));
  expect(new Set(found).size).toBe(found.length);
});
