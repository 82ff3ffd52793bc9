/** A second success is refunded once, despite refusals by the gateway and crashes. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RefundOutcome } from '../domain/recovery/refunds.ts';
import type { Graph } from '../graph/index.ts';
import {
  closeRecovery,
  finishNotice,
  findRefundsDue,
  followRefunds,
  getObligation,
  NOTICES_CALLER,
} from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../test/test-graph.ts';
import { claimedObligation } from '../test/obligation-fixtures.ts';
import { type StripeFixture, startStripeFixture } from '../test/stripe-fixture.ts';
import { createRefundActivities } from './refunds.ts';

const DAY = 24 * 3_600_000;
const MINUTE = 60_000;
const policy = readPolicy();
const NO_MONEY = 'balance_insufficient';
let graph: Graph;
let stripe: StripeFixture;
beforeAll(async () => {
  [graph, stripe] = await Promise.all([openTestGraph(), startStripeFixture()]);
});
afterAll(async () => {
  await stripe.close();
  await verifyAndClose(graph);
});

/** A payment that was settled elsewhere before Persona's own charge turned out to have succeeded, too. */
async function paidTwice({ refunds = true } = {}) {
  const order = await stripe.createChargeOrder([]);
  const answer = await stripe.charge(order);
  if (answer.result !== 'approved' || !answer.charge_ref || !answer.gateway_ref)
    throw new Error(JSON.stringify(answer));
  const { charge_ref, gateway_ref } = answer;
  const testPolicy = { ...policy, recovery: { ...policy.recovery, refundDuplicate: refunds } };
  const { payment_id, customer_id, key, record } = await claimedObligation(graph, testPolicy, {
    amount: 1250,
  });
  await record({ result: 'unknown', reason: 'timeout' });
  await closeRecovery(graph, testHeader(), { payment_id, outcome: 'paid_elsewhere', rule: 'settled' });
  await record(answer);
  const began = Date.now();
  const activities = (days: number) =>
    createRefundActivities({ graph, gateway: stripe.gateway, now: () => began + days * DAY });
  /** Each attempt belongs to another run. */
  const environment = () => {
    const runId = randomUUID();
    return new MockActivityEnvironment({
      workflowExecution: { workflowId: `refund:${payment_id}`, runId },
      workflowType: 'refundPayment',
    });
  };
  return {
    ...{ payment_id, customer_id, key, charge_ref, gateway_ref, order },
    refuse: (...codes: string[]) => stripe.sim(`/charges/${charge_ref}/refuse_refunds`, 'PUT', { codes }),
    /** The one attempt of a run, that many days after the second success. */
    refund: async (days = 0) =>
      (await environment().run(activities(days).refundCharge, { payment_id, key })) as RefundOutcome,
    requestRefunds: (days = 0) =>
      environment().run(activities(days).dueRefunds, {
        payment_id,
        by: { actor: 'grace', reason: 'test' },
      }),
    async isSwept(days: number) {
      const page = { after: before(payment_id), limit: 1, now: began + days * DAY };
      return (await findRefundsDue(graph, page)).payment_ids.includes(payment_id);
    },
    follow: async (days = 0) =>
      followRefunds(graph, testHeader(), {
        ...{ payment_id, gateway_ref, now: began + days * DAY },
        refunds: await stripe.gateway.refundsOf(gateway_ref),
      }),
    refundState: async () => {
      const { refunds_due, refunds_failed, refund_at } = await getObligation(graph, payment_id);
      return { refunds_due, refunds_failed, refund_at };
    },
    events: () => refundEvents(customer_id),
    /** The refunded amount at the gateway, in minor units, and the keys of the requests. */
    async atGateway() {
      const { data } = await stripe.sim<{ data: { path: string; idempotency_key?: string; body: object }[] }>(
        '/requests',
      );
      const posted = data.filter(({ path, body }) => path === '/v1/refunds' && 'charge' in body);
      const ours = posted.filter(({ body }) => (body as { charge: string }).charge === charge_ref);
      const effective = (await stripe.gateway.refundsOf(gateway_ref)).filter(
        ({ state }) => state !== 'failed',
      );
      return {
        keys: ours.flatMap(({ idempotency_key }) => idempotency_key ?? []),
        refundedAmount: effective.reduce((sum, { amount }) => sum + amount, 0),
      };
    },
    async refundManually(amount?: number): Promise<string> {
      const headers = { authorization: 'Bearer sk_test_1' };
      const body = new URLSearchParams({ charge: charge_ref, ...(amount && { amount: String(amount) }) });
      const response = await fetch(`${stripe.url}/v1/refunds`, { method: 'POST', headers, body });
      return ((await response.json()) as { id: string }).id;
    },
    fail: (refund: string) =>
      stripe.sim(`/refunds/${refund}/fail`, 'POST', { reason: 'lost_or_stolen_card' }),
  };
}

/** A cursor after which a page of one contains this payment, if it is due. */
const before = (payment_id: string) => payment_id.slice(0, -1);

async function refundEvents(customer_id: string) {
  const rows = await graph.read<{ type: string; actor: string; data: string }>(
    `MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.type STARTS WITH 'Refund'
     RETURN e.type AS type, e.actor AS actor, e.data AS data ORDER BY e.seq`,
    { customer_id },
  );
  return rows.map(({ data, ...event }) => ({ ...event, ...JSON.parse(data) }));
}

test('a refund that the gateway refuses once is due again the next day, and then made', async () => {
  const { key, refuse, refund, isSwept, events, atGateway, refundState } = await paidTwice();
  await refuse(NO_MONEY);
  expect(await isSwept(0)).toBe(true);
  expect(await refund()).toMatchObject({ refunded: false, reason: expect.stringContaining(NO_MONEY) });
  expect(await refundState()).toMatchObject({ refunds_due: [key], refunds_failed: undefined });
  expect(await isSwept(0.9)).toBe(false);
  expect(await isSwept(1)).toBe(true);
  expect(await refund(1)).toMatchObject({
    refunded: true,
    notice: expect.stringContaining(':refund_issued:'),
  });
  expect(await atGateway()).toEqual({ keys: [`refund:${key}:1`, `refund:${key}:2`], refundedAmount: 1250 });
  expect(await events()).toMatchObject([
    { type: 'RefundFailed', key, n: 1, retry: { next_at: expect.any(String) } },
    { type: 'RefundSent', key, by_others: null },
  ]);
  expect(await refundState()).toEqual({
    refunds_due: undefined,
    refunds_failed: undefined,
    refund_at: undefined,
  });
  expect(await isSwept(30)).toBe(false);
});

test('no run retries a refused refund before it is due again', async () => {
  const { refuse, refund, atGateway, events } = await paidTwice();
  await refuse(NO_MONEY);
  const refused = await refund();
  expect(await refund(0.5)).toEqual(refused);
  expect(await atGateway()).toMatchObject({ keys: [expect.any(String)], refundedAmount: 0 });
  expect(await events()).toHaveLength(1);
});

test('a refund refused for a week waits for an operator, whose request retries it immediately and then daily', async () => {
  const { key, payment_id, refuse, refund, requestRefunds, isSwept, events, atGateway, refundState } =
    await paidTwice();
  await refuse(...Array.from({ length: 9 }, () => NO_MONEY));
  for (let day = 0; day < 7; day++)
    expect(await refund(day + (day * 10 * MINUTE) / DAY)).toMatchObject({ next_at: expect.any(String) });
  expect(await refund(7.1)).toMatchObject({ refunded: false, next_at: null });
  expect(await refundState()).toMatchObject({ refunds_due: undefined, refunds_failed: [key] });
  expect(await isSwept(40)).toBe(false);
  expect(await refund(40)).toMatchObject({ refunded: false, next_at: null });

  expect(await requestRefunds(40)).toMatchObject({ keys: [key] });
  expect(await isSwept(40)).toBe(true);
  expect(await refund(40)).toMatchObject({ refunded: false, next_at: expect.any(String) });
  expect(await refundState()).toMatchObject({ refunds_due: [key], refunds_failed: undefined });
  expect(await refund(41)).toMatchObject({ refunded: true });
  expect(await atGateway()).toMatchObject({ refundedAmount: 1250 });
  expect((await events()).map(({ type, n }) => `${type} ${n ?? ''}`)).toEqual([
    ...Array.from({ length: 8 }, (_, tries) => `RefundFailed ${tries + 1}`),
    'RefundRequested ',
    'RefundFailed 9',
    'RefundSent ',
  ]);
  expect(await requestRefunds(42)).toMatchObject({ keys: [] });
  expect(payment_id).toBeTruthy();
});

test('a run after one that died after its refund request finds that refund', async () => {
  const { key, payment_id, charge_ref, refund, atGateway, events } = await paidTwice();
  const call = { charge_ref, payment_id, attempt_key: key, key: `refund:${key}:1` };
  const { refund_ref } = await stripe.gateway.refundCharge(call);
  expect(await refund(2)).toMatchObject({ refunded: true, refund_ref });
  expect(await atGateway()).toEqual({ keys: [`refund:${key}:1`], refundedAmount: 1250 });
  expect(await events()).toMatchObject([{ type: 'RefundSent', refund_ref }]);
});

test.each([
  ['made', []],
  ['refused', [NO_MONEY]],
])('a refund by two concurrent runs is %s once', async (_, codes) => {
  const { key, refuse, refund, atGateway, events } = await paidTwice();
  await refuse(...codes);
  const runs = await Promise.allSettled([refund(), refund()]);
  // While one request is in progress the gateway rejects the other, which is retried.
  const outcomes = await Promise.all(
    runs.map(async (one) => (one.status === 'fulfilled' ? one.value : refund())),
  );
  const refunded = codes.length === 0;
  expect(outcomes).toMatchObject([{ refunded }, { refunded }]);
  const { keys, refundedAmount } = await atGateway();
  expect({ keys: [...new Set(keys)], refundedAmount }).toEqual({
    keys: [`refund:${key}:1`],
    refundedAmount: refunded ? 1250 : 0,
  });
  expect(await events()).toHaveLength(1);
});

test('a refund that was accepted and fails later is due again, and the customer is notified once', async () => {
  const { key, customer_id, payment_id, refund, fail, follow, events, atGateway, refundState } =
    await paidTwice();
  const first = await refund();
  if (!first.refunded || !first.notice) throw new Error(JSON.stringify(first));
  const notice = { payment_id, customer_id, template: 'refund_issued', channel: 'email' };
  const sender = testHeader({ caller: NOTICES_CALLER });
  await finishNotice(graph, sender, { ...notice, notification_id: first.notice });
  await fail(first.refund_ref);
  expect(await follow(10)).toEqual({ by_others: 0, failed: 1 });
  expect(await refundState()).toMatchObject({ refunds_due: [key] });
  expect(await refund(10.5)).toMatchObject({ refunded: false, next_at: expect.any(String) });
  const again = await refund(11);
  expect(again).toMatchObject({ refunded: true });
  expect(again).not.toHaveProperty('notice');
  expect(await atGateway()).toEqual({ keys: [`refund:${key}:1`, `refund:${key}:2`], refundedAmount: 1250 });
  expect((await events()).map(({ type }) => type)).toEqual(['RefundSent', 'RefundFailed', 'RefundSent']);
});

test('an amount that was refunded elsewhere meanwhile is not refunded again', async () => {
  const { refuse, refundManually, refund, events, atGateway } = await paidTwice();
  await refuse(NO_MONEY);
  await refund();
  await refundManually(250);
  const rest = await refundManually();
  expect(await refund(1)).toMatchObject({ refunded: true, refund_ref: expect.any(String) });
  expect(await atGateway()).toMatchObject({ refundedAmount: 1250 });
  expect(rest).toBeTruthy();
  expect((await events()).map(({ type }) => type)).toEqual(['RefundFailed', 'RefundSent']);
});

test('a refund that waits for an operator is settled by a full refund made elsewhere, and due again if that fails', async () => {
  const { key, refuse, refund, refundManually, fail, follow, refundState } = await paidTwice();
  await refuse(NO_MONEY, NO_MONEY);
  await refund();
  expect(await refund(8)).toMatchObject({ next_at: null });
  await refundManually(250);
  expect(await follow(9)).toEqual({ by_others: 1, failed: 0 });
  expect(await refundState()).toMatchObject({ refunds_failed: [key] });
  const rest = await refundManually();
  expect(await follow(9)).toEqual({ by_others: 1, failed: 0 });
  expect(await refundState()).toEqual({
    refunds_due: undefined,
    refunds_failed: undefined,
    refund_at: undefined,
  });
  await fail(rest);
  expect(await follow(10)).toEqual({ by_others: 0, failed: 1 });
  expect(await refundState()).toMatchObject({ refunds_due: [key], refunds_failed: undefined });
});

test('a second success that policy does not refund is refunded on an operator’s request', async () => {
  const { key, refund, requestRefunds, isSwept, atGateway, events } = await paidTwice({ refunds: false });
  expect(await isSwept(1)).toBe(false);
  expect(await refund()).toMatchObject({ refunded: false, next_at: null });
  expect(await atGateway()).toMatchObject({ refundedAmount: 0 });
  expect(await requestRefunds()).toMatchObject({ keys: [key] });
  expect(await refund()).toMatchObject({ refunded: true });
  expect(await events()).toMatchObject([
    { type: 'RefundRequested', key, actor: 'grace' },
    { type: 'RefundSent', key },
  ]);
});

test('a second success at another gateway waits for an operator immediately', async () => {
  const { payment_id, settle, record } = await claimedObligation(graph, policy);
  await record({ result: 'approved', charge_ref: 'ch_1', gateway_ref: `pi_${randomUUID()}` });
  const elsewhere = `pi_${randomUUID()}`;
  await settle(Date.now(), elsewhere);
  const { refundCharge } = createRefundActivities({ graph, gateway: stripe.gateway, now: Date.now });
  const key = `settled:${elsewhere}`;
  const outcome = await new MockActivityEnvironment().run(refundCharge, { payment_id, key });
  expect(outcome).toMatchObject({ refunded: false, next_at: null });
  expect(await getObligation(graph, payment_id)).toMatchObject({ refunds_failed: [key] });
});
