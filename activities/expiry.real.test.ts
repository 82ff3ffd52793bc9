/** The scan of expiring cards on a real graph: crashes, concurrent scans, a failing gateway, and the sent notices. */

import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InboxSimulator, startInboxSimulator } from '../dev/simulators/inbox/server.ts';
import { PersonaError } from '../domain/errors.ts';
import type { PaymentGateway } from '../domain/ports.ts';
import type { GatewayChange, SendNoticeInput } from '../domain/workflow-contracts.ts';
import { followPaymentMethod, type Graph, readWallet } from '../graph/index.ts';
import { openRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { type ExpiringCards, expiringCards, type Holder } from '../test/expiring-card-fixtures.ts';
import { verifyAndClose, openTestGraph, randomEmail, testHeader } from '../test/test-graph.ts';
import { failureOf } from '../test/wallet-fixtures.ts';
import type { ExpiryActivities, ExpiryTally } from '../workflows/monitor-expiring-cards.ts';
import { createExpiryActivities } from './expiry.ts';
import { createFollowActivities } from './follow-gateway.ts';
import type { FollowChange } from './reconciliation-dependencies.ts';
import { createSweepActivities } from './sweep.ts';
import { deliver, graphOptions, newKeys, noticeEvents, notifierOf } from './notice-fixtures.ts';

const policy = { ...readPolicy(), gateway: { maxPerSecond: 10_000 } };
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

interface Harness {
  fixture: ExpiringCards;
  /** The tokens that were read at the gateway. */
  queriedTokens: string[];
  started: SendNoticeInput[];
  signals: { payments: readonly string[]; signal: string }[];
  /** The gateway updates that were passed on to `followGateway`. */
  followed: { customer_id: string | undefined; change: GatewayChange }[];
  counted: Omit<ExpiryTally, 'failed_ids'>[];
  gateway: Pick<PaymentGateway, 'getPaymentMethod'>;
  startNotice: (notice: SendNoticeInput) => Promise<boolean>;
  followChange: FollowChange;
}

async function createHarness(): Promise<Harness> {
  const fixture = await expiringCards(graph, policy);
  const harness: Harness = {
    ...{ fixture, queriedTokens: [], started: [], signals: [], followed: [], counted: [] },
    gateway: { getPaymentMethod: async (token) => fixture.gatewayMethods.get(token) },
    async startNotice(notice) {
      harness.started.push(notice);
      return true;
    },
    followChange: async (customer_id, change) => void harness.followed.push({ customer_id, change }),
  };
  return harness;
}

type Outcome = Awaited<ReturnType<ExpiryActivities['monitorCards']>>;

/** One attempt of the activity, that many days before the end. @param options.killedAt dies at this heartbeat */
async function scan(
  harness: Harness,
  left: number,
  options: { heartbeatDetails?: unknown; killedAt?: number; beat?: (details: unknown) => void } = {},
): Promise<Outcome> {
  const { killedAt = Number.POSITIVE_INFINITY, heartbeatDetails, beat } = options;
  const now = harness.fixture.daysBefore(left);
  let beats = 0;
  const environment = new MockActivityEnvironment(
    {
      ...{ workflowType: 'monitorExpiringCards', heartbeatDetails },
      workflowExecution: { workflowId: 'card-expiry-monitor', runId: randomUUID() },
    },
    { logger: new DefaultLogger('ERROR') },
  );
  environment.on('heartbeat', (details: unknown) => {
    beat?.(details);
    beats += 1;
    if (beats >= killedAt) environment.cancel();
  });
  const { monitorCards } = createExpiryActivities({
    ...{ graph, policy, now: () => now },
    gateway: {
      async getPaymentMethod(token) {
        harness.queriedTokens.push(token);
        return await harness.gateway.getPaymentMethod(token);
      },
    } as Partial<PaymentGateway> as PaymentGateway,
    signalRecoveries: async (payments, signal) => void harness.signals.push({ payments, signal }),
    followChange: (customer_id, change) => harness.followChange(customer_id, change),
    startNotice: (notice) => harness.startNotice(notice),
    countCards: (tally) => harness.counted.push(tally),
  });
  return (await environment.run(monitorCards, { after: harness.fixture.from })) as Outcome;
}

const dueIds = async ({ customer_id }: Holder) => {
  const rows = await graph.read<{ data: string }>(
    "MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.type = 'ExpiryNoticeDue' RETURN e.data AS data ORDER BY e.seq",
    { id: customer_id },
  );
  return rows.map(({ data }) => (JSON.parse(data) as { notice: string }).notice);
};
const cardOf = ({ cards }: Holder) => cards[0] ?? expect.fail('it has no card');

async function sweptCards(): Promise<SendNoticeInput[]> {
  const started: SendNoticeInput[] = [];
  const { sweepNotices } = createSweepActivities({
    graph,
    listRunningRecoveries: async () => new Set(),
    resumeRecovery: async () => false,
    resumeFraudCase: async () => false,
    startContest: async () => false,
    startRefund: async () => false,
    sendReport: async () => {},
    startErasure: async () => false,
    deleteExecutionsOfGone: async () => 0,
    async startNotice(notice) {
      started.push(notice);
      return true;
    },
    now: Date.now,
  });
  for (let after: string | undefined = ''; after !== undefined; )
    after = (
      (await new MockActivityEnvironment().run(sweepNotices, { after, period: { from: 0, to: 0 } })) as {
        next?: string;
      }
    ).next;
  return started;
}

test('each relevant card is read and leads to one notice, and the next run does nothing', async () => {
  const harness = await createHarness();
  const holders = [await harness.fixture.createHolder({ cards: 2 }), await harness.fixture.createHolder()];
  const { tally, next } = await scan(harness, 40);
  expect(tally).toEqual({ scanned: 3, notified: 2, updated: 0, expired: 0, failed: 0, failed_ids: [] });
  expect(next).toBeUndefined();
  expect(harness.queriedTokens.toSorted()).toEqual(holders.map((holder) => cardOf(holder).token).toSorted());
  expect(harness.started.map(({ notification_id }) => notification_id).toSorted()).toEqual(
    (await Promise.all(holders.map(dueIds))).flat().toSorted(),
  );
  expect(harness.counted).toEqual([{ scanned: 3, notified: 2, updated: 0, expired: 0, failed: 0 }]);

  const again = await scan(harness, 40);
  expect(again.tally).toMatchObject({ scanned: 3, notified: 0 });
  expect(harness.queriedTokens).toHaveLength(2);
  expect((await scan(harness, 61)).tally).toMatchObject({ scanned: 0 });
});

test('two concurrent scans decide once per card', async () => {
  const harness = await createHarness();
  const holders = [];
  for (let made = 0; made < 6; made++) holders.push(await harness.fixture.createHolder());
  const [one, other] = await Promise.all([scan(harness, 20), scan(harness, 20)]);
  expect(one.tally.notified + other.tally.notified).toBe(6);
  for (const holder of holders) expect(await dueIds(holder)).toHaveLength(1);
});

test('after a crash between commit and notice, the sweep sends the notice once, and no run decides again', async () => {
  const harness = await createHarness();
  const email = randomEmail();
  const holder = await harness.fixture.createHolder({ email });
  harness.startNotice = async () => {
    throw new PersonaError('temporal_unavailable', 'the worker died');
  };
  await expect(scan(harness, 20)).rejects.toThrow('the worker died');
  const [notification_id = ''] = await dueIds(holder);
  const { tally } = await scan(harness, 20);
  expect(tally).toMatchObject({ scanned: 1, notified: 0, failed: 0 });

  const matching = (notices: SendNoticeInput[]) =>
    notices.filter((notice) => notice.notification_id === notification_id);
  const [notice = expect.fail('nothing is due')] = matching(await sweptCards());
  expect(notice).toMatchObject({ ...{ customer_id: holder.customer_id, template: 'card_expiring' } });
  const notifier = notifierOf({ by: 'webhook', url: inbox.webhook });
  await Promise.allSettled([1, 2, 3].map(() => deliver(graph, notice, notifier)));
  const sent = await noticeEvents(graph, holder.customer_id);
  expect(sent).toMatchObject([
    { type: 'NoticeSent', payment_method_id: cardOf(holder).payment_method_id, payment_id: null },
  ]);
  expect(matching(await sweptCards())).toEqual([]);
  const response = await fetch(`${inbox.url}/messages?customer_id=${holder.customer_id}`);
  const { data } = (await response.json()) as { data: object[] };
  expect(data).toMatchObject([
    {
      ...{ notification_id, template: 'card_expiring', to: email },
      subject: expect.stringMatching(/^Your Visa ending in 4242 expires at the end of /),
      data: { payment_method: { brand: 'visa', last_four: '4242' }, expires: harness.fixture.month },
    },
  ]);
});

test('after a crash within a batch, the next attempt continues there, and no customer is notified twice', async () => {
  const harness = await createHarness();
  const holders = [];
  for (let made = 0; made < 12; made++) holders.push(await harness.fixture.createHolder());
  const beats: unknown[] = [];
  await expect(scan(harness, 20, { killedAt: 3, beat: (details) => beats.push(details) })).rejects.toThrow();
  const decided = (await Promise.all(holders.map(dueIds))).flat();
  expect(decided.length).toBeGreaterThan(0);
  expect(decided.length).toBeLessThan(12);
  const { tally } = await scan(harness, 20, { heartbeatDetails: beats.at(-1) });
  expect(tally).toMatchObject({ scanned: 12, failed: 0 });
  for (const holder of holders) expect(await dueIds(holder)).toHaveLength(1);
  expect(new Set(harness.started.map(({ notification_id }) => notification_id)).size).toBe(
    harness.started.length,
  );
});

test('the counts of an attempt before a crash are not lost', async () => {
  const harness = await createHarness();
  await harness.fixture.createHolder();
  const beats: { after?: object; tally: ExpiryTally }[] = [];
  await scan(harness, 20, { beat: (details) => beats.push(details as (typeof beats)[number]) });
  const { tally } = await scan(harness, 20, { heartbeatDetails: beats.at(-1) });
  expect(beats.at(-1)).toMatchObject({ after: { expires_on: harness.fixture.lastDay } });
  expect(tally).toMatchObject({ scanned: 1, notified: 1 });
});

/** A card that the gateway has renewed, with or without an open recovery of its holder. */
async function renewed(harness: Harness, { owes }: { owes: boolean }) {
  const holder = await harness.fixture.createHolder();
  const { customer_id } = holder;
  const { token, payment_method_id } = cardOf(holder);
  const failure = failureOf({ customer_id, methods: [payment_method_id] });
  const header = testHeader({ occurredAt: failure.occurred_at });
  if (owes) await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const known = harness.fixture.gatewayMethods.get(token) ?? expect.fail();
  const expiry_year = Number(harness.fixture.lastDay.slice(0, 4)) + 4;
  harness.fixture.gatewayMethods.set(token, { ...known, expiry_year });
  const year = async () => (await readWallet(graph, customer_id))[0]?.expiry_year;
  return { holder, customer_id, payment_method_id, payment_id: failure.payment_id, expiry_year, year };
}

test('a card that the gateway has renewed is updated without a notice', async () => {
  const harness = await createHarness();
  const { holder, expiry_year, year } = await renewed(harness, { owes: false });
  expect((await scan(harness, 20)).tally).toMatchObject({ notified: 0, updated: 1 });
  expect(await year()).toBe(expiry_year);
  expect(await dueIds(holder)).toEqual([]);
  expect(harness).toMatchObject({ started: [], signals: [], followed: [] });
  expect((await scan(harness, 20)).tally).toMatchObject({ scanned: 0 });
});

test('a renewed card of a customer with an open payment is passed on to a workflow that records and signals', async () => {
  const harness = await createHarness();
  const { holder, customer_id, payment_method_id, payment_id, expiry_year, year } = await renewed(harness, {
    owes: true,
  });
  // After a crash in between, the next attempt finds the card again, because nothing was recorded.
  const { followChange } = harness;
  harness.followChange = async () => {
    throw new PersonaError('temporal_unavailable', 'the worker died');
  };
  await expect(scan(harness, 20)).rejects.toThrow('the worker died');
  expect(await year()).not.toBe(expiry_year);
  harness.followChange = followChange;
  expect((await scan(harness, 20)).tally).toMatchObject({ notified: 0, updated: 1, failed: 0 });
  expect(harness.followed).toMatchObject([
    { customer_id, change: { changed: 'payment_method', payment_method_id } },
  ]);

  const [{ change } = expect.fail()] = harness.followed;
  const { followPaymentMethod: follow } = createFollowActivities({
    ...{ graph, now: Date.now },
    gateway: harness.gateway as PaymentGateway,
    signalRecoveries: async (payments, signal) => void harness.signals.push({ payments, signal }),
  });
  const environment = new MockActivityEnvironment({ activityId: randomUUID() });
  expect(await environment.run(follow as never, { ...change, customer_id })).toBe('updated');
  expect(await year()).toBe(expiry_year);
  expect(harness.signals).toEqual([{ payments: [payment_id], signal: 'paymentMethodUpdated' }]);
  expect(await dueIds(holder)).toEqual([]);
  expect((await scan(harness, 20)).tally).toMatchObject({ scanned: 0 });
});

test('every card expires on the first day after its month', async () => {
  const harness = await createHarness();
  const holder = await harness.fixture.createHolder({ cards: 2 });
  expect((await scan(harness, 0)).tally).toMatchObject({ expired: 0, notified: 1 });
  expect((await scan(harness, -1)).tally).toMatchObject({ scanned: 2, expired: 2, failed: 0 });
  const statuses = (await readWallet(graph, holder.customer_id)).map(({ status }) => status);
  expect(statuses).toEqual(['expired', 'expired']);
  expect((await scan(harness, -1)).tally).toMatchObject({ scanned: 0 });
});

test('a card that fails does not affect others, and is retried by the next run', async () => {
  const harness = await createHarness();
  const [bad, unknown, good] = [
    await harness.fixture.createHolder(),
    await harness.fixture.createHolder(),
    await harness.fixture.createHolder(),
  ];
  harness.gateway.getPaymentMethod = async (token) => {
    if (token === cardOf(bad).token) throw new TypeError('a defect');
    return token === cardOf(unknown).token ? undefined : harness.fixture.gatewayMethods.get(token);
  };
  const { tally } = await scan(harness, 20);
  const failed = [bad, unknown].map((holder) => cardOf(holder).payment_method_id);
  expect(tally).toMatchObject({ scanned: 3, notified: 1, failed: 2 });
  expect(tally.failed_ids.toSorted()).toEqual(failed.toSorted());
  expect(await dueIds(good)).toHaveLength(1);

  harness.gateway.getPaymentMethod = async (token) => harness.fixture.gatewayMethods.get(token);
  expect((await scan(harness, 19)).tally).toMatchObject({ notified: 2, failed: 0 });
});

test('with the gateway unavailable, reading stops after a few cards, and no customer is notified', async () => {
  const harness = await createHarness();
  for (let made = 0; made < 24; made++) await harness.fixture.createHolder();
  harness.gateway.getPaymentMethod = async () => {
    throw new PersonaError('gateway_unavailable', 'unavailable');
  };
  const { tally } = await scan(harness, 20);
  expect(tally).toMatchObject({ scanned: 24, notified: 0, failed: 24 });
  // Ten, and those already in progress.
  expect(harness.queriedTokens.length).toBeLessThan(18);
  expect(harness.started).toEqual([]);
  // Even after the month: a card that may have been renewed does not expire.
  expect((await scan(harness, -1)).tally).toMatchObject({ expired: 0, failed: 24 });
});

test('a notice about a card that has been renewed meanwhile is not sent', async () => {
  const harness = await createHarness();
  const holder = await harness.fixture.createHolder({ email: randomEmail() });
  await scan(harness, 20);
  const [notice = expect.fail('nothing is due')] = harness.started;
  const { token, payment_method_id } = cardOf(holder);
  const { customer_id } = holder;
  const found = { ...(harness.fixture.gatewayMethods.get(token) ?? expect.fail()), expiry_year: 2199 };
  await followPaymentMethod(graph, testHeader(), { customer_id, payment_method_id, found });
  const notifier = notifierOf({ by: 'webhook', url: inbox.webhook });
  expect(await deliver(graph, notice, notifier)).toEqual({ result: 'undeliverable' });
  expect(await noticeEvents(graph, customer_id)).toMatchObject([
    { type: 'NoticeFailed', reason: expect.stringMatching(/^overtaken/) },
  ]);
  expect((await sweptCards()).map(({ notification_id }) => notification_id)).not.toContain(
    notice.notification_id,
  );
});

test('a card that is added during the scan is found at the latest by the next one', async () => {
  const harness = await createHarness();
  const first = await harness.fixture.createHolder();
  let added: Holder | undefined;
  harness.gateway.getPaymentMethod = async (token) => {
    added ??= await harness.fixture.createHolder();
    return harness.fixture.gatewayMethods.get(token);
  };
  await scan(harness, 20);
  await scan(harness, 20);
  expect(await dueIds(first)).toHaveLength(1);
  expect(await dueIds(added ?? expect.fail())).toHaveLength(1);
});

test('an unavailable graph fails the attempt, and does not count as a failed card', async () => {
  const harness = await createHarness();
  const holder = await harness.fixture.createHolder();
  harness.startNotice = async () => {
    throw new PersonaError('graph_unavailable', `unavailable ${randomUUID()}`);
  };
  await expect(scan(harness, 20)).rejects.toThrow('unavailable');
  expect(await dueIds(holder)).toHaveLength(1);
});
