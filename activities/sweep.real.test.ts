/** The sweep on a real graph: what customers should have heard, and nobody is telling them any more. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InboxSimulator, startInboxSimulator } from '../dev/simulators/inbox/server.ts';
import type { SendNoticeInput } from '../domain/processes.ts';
import type { Graph } from '../graph/index.ts';
import { closeRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { closeVerified, openTestGraph, testHeader } from '../test/graph.ts';
import { claimedObligation } from '../test/obligations.ts';
import { createSweepActivities } from './sweep.ts';
import { deliver, graphOptions, newKeys, noticeEvents, notifierOf } from './testing.ts';

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
  await closeVerified(graph);
});

/** What a sweep that comes so much later starts for that payment. */
async function swept(payment_id: string, later: number): Promise<SendNoticeInput[]> {
  const started: SendNoticeInput[] = [];
  const { sweepNotices } = createSweepActivities({
    graph,
    resumeRecovery: async () => false,
    resumeFraudCase: async () => false,
    startRefund: async () => false,
    sendReport: async () => {},
    startNotice: async (notice) => {
      if (notice.payment_id === payment_id) started.push(notice);
      return true;
    },
    now: () => Date.now() + later,
  });
  const environment = new MockActivityEnvironment();
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = (await environment.run(sweepNotices, { after })) as { next?: string };
    after = page.next;
  }
  return started;
}

async function recovered() {
  const email = `due.${randomUUID()}@shop.example`;
  const owed = await claimedObligation(graph, policy, { email });
  await owed.record({ result: 'approved', charge_ref: 'ch_1' });
  return owed;
}

async function exhausted() {
  const owed = await claimedObligation(graph, policy);
  await owed.record({ result: 'declined', codes: { decline_code: 'insufficient_funds' } });
  const end = { payment_id: owed.payment_id, outcome: 'exhausted', rule: 'window_over' } as const;
  await closeRecovery(graph, testHeader(), end, 'recovery_ended');
  return owed;
}

test('a customer who was charged while everything was lost is told, and only once', async () => {
  const { payment_id, customer_id } = await recovered();
  expect(await swept(payment_id, 0)).toEqual([]);
  const [notice = expect.fail('nothing is due')] = await swept(payment_id, 2 * MINUTE);
  expect(notice).toMatchObject({ payment_id, customer_id, template: 'recovered' });
  const notifier = notifierOf({ by: 'webhook', url: inbox.webhook });
  // A run that was not lost after all, and sweeps that came twice.
  const tries = await Promise.allSettled([1, 2, 3].map(() => deliver(graph, notice, notifier)));
  expect(tries).toContainEqual({ status: 'fulfilled', value: { result: 'delivered' } });
  expect(await noticeEvents(graph, customer_id)).toMatchObject([
    { type: 'NoticeSent', template: 'recovered' },
  ]);
  expect(await swept(payment_id, 2 * MINUTE)).toEqual([]);
  const messages = await fetch(`${inbox.url}/messages?customer_id=${customer_id}`);
  expect(await messages.json()).toMatchObject({ data: [{ template: 'recovered' }] });
});

test('that money moved is told however late; that nothing was charged only while it is news', async () => {
  const [paid, unpaid] = [await recovered(), await exhausted()];
  expect(await swept(paid.payment_id, 30 * DAY)).toMatchObject([{ template: 'recovered' }]);
  const [late] = await swept(paid.payment_id, 30 * DAY);
  expect(late).not.toHaveProperty('given_up');

  const [soon] = await swept(unpaid.payment_id, 2 * DAY);
  expect(soon).toMatchObject({ template: 'recovery_ended' });
  expect(soon).not.toHaveProperty('given_up');
  expect(await swept(unpaid.payment_id, 4 * DAY)).toMatchObject([{ given_up: expect.any(String) }]);
});
