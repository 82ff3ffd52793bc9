/** The sweep on a real graph: due notices, fraud reviews and recoveries without a run. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type InboxSimulator, startInboxSimulator } from '../dev/simulators/inbox/server.ts';
import { OBLIGATION_SWEEP, type SendNoticeInput } from '../domain/workflow-contracts.ts';
import {
  applyFraudOutcome,
  contestEvent,
  decideContest,
  decideFraudReview,
  type Graph,
} from '../graph/index.ts';
import { closeRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { fraudReport } from '../test/fraud-fixtures.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../test/test-graph.ts';
import { claimedObligation } from '../test/obligation-fixtures.ts';
import { customerWithCards } from '../test/wallet-fixtures.ts';
import type { SweepInput } from '../workflows/sweep-obligations.ts';
import { createSweepActivities } from './sweep.ts';
import { deliver, graphOptions, newKeys, noticeEvents, notifierOf } from './notice-fixtures.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const policy = readPolicy();
let graph: Graph;
let inbox: InboxSimulator;
beforeAll(async () => {
  graph = await openTestGraph(graphOptions(newKeys()));
  inbox = await startInboxSimulator();
});
afterAll(async () => {
  await inbox.close();
  await verifyAndClose(graph);
});

/** The notices about a payment or fraud case that a sweep starts that much later. */
async function sweptNotices(subject: string, later: number): Promise<SendNoticeInput[]> {
  const started: SendNoticeInput[] = [];
  const { sweepNotices } = sweepActivities(later, {
    startNotice: async (notice) => {
      const { payment_id, case_id, contest_id } = notice;
      if ([payment_id, case_id, contest_id].includes(subject)) started.push(notice);
      return true;
    },
  });
  await eachPage(sweepNotices);
  return started;
}

/** The activities of a sweep that runs that much later. */
function sweepActivities(later: number, starts: Partial<Parameters<typeof createSweepActivities>[0]>) {
  return createSweepActivities({
    graph,
    listRunningRecoveries: async () => new Set(),
    resumeRecovery: async () => false,
    resumeFraudCase: async () => false,
    startContest: async () => false,
    startRefund: async () => false,
    sendReport: async () => {},
    startErasure: async () => false,
    deleteExecutionsOfGone: async () => 0,
    startNotice: async () => false,
    now: () => Date.now() + later,
    ...starts,
  });
}

async function eachPage(
  sweep: (input: SweepInput) => Promise<{ next?: string }>,
  first = '',
  period = { from: 0, to: 0 },
): Promise<void> {
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  for (let after: string | undefined = first; after !== undefined; ) {
    const page = (await environment.run(sweep, { after, period })) as { next?: string };
    after = page.next;
  }
}

/** A fraud case of a customer with an e-mail address. */
async function fraudCase(outcome: 'suspected' | 'confirmed_fraud') {
  const email = `fraud.${randomUUID()}@shop.example`;
  const { customer_id } = await customerWithCards(graph, policy, { cards: 1, email });
  const report = fraudReport({ customer_id, outcome });
  await applyFraudOutcome(graph, testHeader({ occurredAt: report.occurred_at }), report);
  return report;
}

async function recovered() {
  const email = `due.${randomUUID()}@shop.example`;
  const obligation = await claimedObligation(graph, policy, { email });
  await obligation.record({ result: 'approved', charge_ref: 'ch_1' });
  return obligation;
}

async function exhausted() {
  const obligation = await claimedObligation(graph, policy);
  await obligation.record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  const end = { payment_id: obligation.payment_id, outcome: 'exhausted', rule: 'window_over' } as const;
  await closeRecovery(graph, testHeader(), end, 'recovery_ended');
  return obligation;
}

test('a customer whose successful charge was not notified by the lost run is notified once', async () => {
  const { payment_id, customer_id } = await recovered();
  expect(await sweptNotices(payment_id, 0)).toEqual([]);
  const [notice = expect.fail('nothing is due')] = await sweptNotices(payment_id, 2 * MINUTE);
  expect(notice).toMatchObject({ payment_id, customer_id, template: 'recovered' });
  const notifier = notifierOf({ by: 'webhook', url: inbox.webhook });
  // As with a run that was not lost after all, and repeated sweeps.
  const tries = await Promise.allSettled([1, 2, 3].map(() => deliver(graph, notice, notifier)));
  expect(tries).toContainEqual({ status: 'fulfilled', value: { result: 'delivered' } });
  expect(await noticeEvents(graph, customer_id)).toMatchObject([
    { type: 'NoticeSent', template: 'recovered' },
  ]);
  expect(await sweptNotices(payment_id, 2 * MINUTE)).toEqual([]);
  const messages = await fetch(`${inbox.url}/messages?customer_id=${customer_id}`);
  expect(await messages.json()).toMatchObject({ data: [{ template: 'recovered' }] });
});

test('a notice about moved money is sent however late, any other one is given up after three days', async () => {
  const [paid, unpaid] = [await recovered(), await exhausted()];
  expect(await sweptNotices(paid.payment_id, 30 * DAY)).toMatchObject([{ template: 'recovered' }]);
  const [late] = await sweptNotices(paid.payment_id, 30 * DAY);
  expect(late).not.toHaveProperty('given_up');

  const [soon] = await sweptNotices(unpaid.payment_id, 2 * DAY);
  expect(soon).toMatchObject({ template: 'recovery_ended' });
  expect(soon).not.toHaveProperty('given_up');
  expect(await sweptNotices(unpaid.payment_id, 4 * DAY)).toMatchObject([{ given_up: expect.any(String) }]);
});

test('a contest without a run gets one until it is decided, and each decision is notified once', async () => {
  const email = `contest.${randomUUID()}@shop.example`;
  const { customer_id } = await customerWithCards(graph, policy, { cards: 1, email });
  const started: string[] = [];
  const { sweepContests } = sweepActivities(0, {
    startContest: async (id) => started.push(id) > 0,
  });
  const messages = async () =>
    ((await (await fetch(`${inbox.url}/messages?customer_id=${customer_id}`)).json()) as { data: unknown[] })
      .data;
  for (const [n, decision] of (['upheld', 'rejected'] as const).entries()) {
    const event = { customer_id, seq: 1 };
    const { contest_id } = await contestEvent(graph, testHeader(), { ...event, reason: `reason ${n}` });
    await eachPage(sweepContests);
    expect(started.splice(0)).toContain(contest_id);
    const decide = { ...event, decision, corrections: [], explanation: 'checked' };
    await decideContest(graph, testHeader(), decide);
    await eachPage(sweepContests);
    expect(started.splice(0)).not.toContain(contest_id);
    expect(await sweptNotices(contest_id, 0)).toEqual([]);
    const [notice = expect.fail('nothing is due')] = await sweptNotices(contest_id, 2 * MINUTE);
    expect(notice).toMatchObject({ customer_id, contest_id, template: 'contest_decided' });
    await deliver(graph, notice, notifierOf({ by: 'webhook', url: inbox.webhook }));
    expect(await sweptNotices(contest_id, 2 * MINUTE)).toEqual([]);
    expect((await messages())[n]).toMatchObject({
      template: 'contest_decided',
      text: expect.stringContaining(decision === 'upheld' ? 'agrees with you' : 'it stands'),
    });
  }
  expect(await noticeEvents(graph, customer_id)).toMatchObject(
    [1, 2].map(() => ({ type: 'NoticeSent', template: 'contest_decided', contest_id: `${customer_id}:1` })),
  );
});

test('a suspension whose run was lost before the customer was notified is notified once', async () => {
  const { case_id, customer_id } = await fraudCase('confirmed_fraud');
  expect(await sweptNotices(case_id, 0)).toEqual([]);
  const [notice = expect.fail('nothing is due'), ...more] = await sweptNotices(case_id, 2 * MINUTE);
  const notification_id = `fraud:${case_id}:account_suspended:1`;
  expect(notice).toEqual({ notification_id, customer_id, case_id, template: 'account_suspended' });
  expect(more).toEqual([]);
  expect(await sweptNotices(case_id, 4 * DAY)).toEqual([{ ...notice, given_up: expect.any(String) }]);
  await deliver(graph, notice, notifierOf({ by: 'webhook', url: inbox.webhook }));
  expect(await sweptNotices(case_id, 2 * MINUTE)).toEqual([]);
});

test('a fraud case under review is restarted until the review is decided', async () => {
  const { case_id } = await fraudCase('suspected');
  const resumed: string[] = [];
  const { sweepFraudReviews } = sweepActivities(0, {
    resumeFraudCase: async (id) => {
      resumed.push(id);
      return true;
    },
  });
  await eachPage(sweepFraudReviews);
  expect(resumed).toContain(case_id);
  expect(new Set(resumed).size).toBe(resumed.length);
  await decideFraudReview(graph, testHeader(), { case_id, decision: 'clear', reason: 'test' });
  resumed.splice(0);
  await eachPage(sweepFraudReviews);
  expect(resumed).not.toContain(case_id);
});

describe('recoveries', () => {
  const SWEEP = OBLIGATION_SWEEP.everyMs;
  const SWEEPS_A_DAY = DAY / SWEEP;

  /** Two unpaid payments. */
  async function lostAndRunning() {
    // Sorted after the payments of other tests, so that their pages are not read.
    const prefix = `zz-sweep-${randomUUID()}`;
    const [lost, running] = [`${prefix}-1`, `${prefix}-2`];
    for (const payment_id of [lost, running]) await claimedObligation(graph, policy, { payment_id });
    const queriedPages: (readonly string[])[] = [];
    /** Which of the two payments a sweep at that time starts. */
    const startedAt = async (to: number, list: ReadonlySet<string>, from = to - SWEEP) => {
      const started: string[] = [];
      const { sweepRecoveries } = sweepActivities(0, {
        now: () => to,
        async listRunningRecoveries(paymentIds) {
          queriedPages.push(paymentIds);
          return list;
        },
        async resumeRecovery(paymentId) {
          started.push(paymentId);
          return true;
        },
      });
      await eachPage(sweepRecoveries, prefix, { from, to });
      return started.filter((paymentId) => paymentId.startsWith(prefix));
    };
    return { lost, running, queriedPages, startedAt };
  }

  test('of a page are listed with one request, and those that Temporal does not list are started', async () => {
    const { lost, running, queriedPages, startedAt } = await lostAndRunning();
    expect(await startedAt(Date.now(), new Set([running]))).toContain(lost);
    expect(queriedPages).toHaveLength(1);
    expect(queriedPages[0]).toEqual(expect.arrayContaining([lost, running]));
    expect(queriedPages[0]).toEqual(queriedPages[0]?.toSorted());
  });

  test('count as lost in one sweep per day, whatever Temporal lists', async () => {
    const { lost, running, startedAt } = await lostAndRunning();
    const today = Date.now();
    const started: string[] = [];
    for (let n = 0; n < SWEEPS_A_DAY; n += 1)
      started.push(...(await startedAt(today + n * SWEEP, new Set([lost, running]))));
    expect(started.toSorted()).toEqual([lost, running]);
  });

  test('count as lost once a day even if sweeps overrun their interval', async () => {
    const { lost, running, startedAt } = await lostAndRunning();
    const today = Date.now();
    const started: string[] = [];
    for (let at = today; at < today + DAY; at += 6 * SWEEP)
      started.push(...(await startedAt(at, new Set([lost, running]), at - 6 * SWEEP)));
    expect(started.toSorted()).toEqual([lost, running]);
    const afterAnOutage = await startedAt(today, new Set([lost, running]), today - 3 * DAY);
    expect(afterAnOutage.toSorted()).toEqual([lost, running]);
  });
});
