import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { recoveryNotificationId, type SendNoticeInput, TaskQueue } from '../domain/workflow-contracts.ts';
import { startNotice } from '../temporal/workflow-client.ts';
import { createTestRig, type TestRig } from '../test/rig/index.ts';
import type { NoticeActivities } from './send-notice.ts';
import type { SweepActivities, SweepResult, SweptPage } from './sweep-obligations.ts';

const sweep = (rig: TestRig, n = 1) =>
  rig.client.workflow.execute('sweepObligations', {
    workflowId: `obligation-sweep-${n}`,
    taskQueue: TaskQueue.maintenance,
  });

const NOTHING: SweptPage = { looked_at: 0, started: 0 };
/** A sweep that finds nothing except what the test provides. */
const sweepWith = (found: Partial<SweepActivities>): SweepActivities => ({
  sweepReports: async () => NOTHING,
  sweepRecoveries: async () => NOTHING,
  sweepRefunds: async () => NOTHING,
  sweepNotices: async () => NOTHING,
  sweepFraudReviews: async () => NOTHING,
  sweepErasures: async () => NOTHING,
  sweepContests: async () => NOTHING,
  ...found,
});
/** A sweep that finds nothing and records its parts in order. */
function recordingSweep(): { seen: string[]; parts: SweepActivities } {
  const seen: string[] = [];
  const page = (name: string) => async () => {
    seen.push(name);
    return NOTHING;
  };
  const parts = {
    sweepReports: page('reports'),
    sweepRecoveries: page('recoveries'),
    sweepRefunds: page('refunds'),
    sweepNotices: page('notices'),
    sweepFraudReviews: page('fraud cases'),
    sweepErasures: page('erasures'),
    sweepContests: page('contests'),
  };
  return { seen, parts };
}
/** That many pages of ten, each of which starts one run. */
function pages(all: number): { sweep: SweepActivities['sweepRecoveries']; seen: string[] } {
  const seen: string[] = [];
  return {
    seen,
    async sweep({ after }) {
      seen.push(after);
      const page = Number(after) + 1;
      return { looked_at: 10, started: 1, ...(page < all && { next: String(page) }) };
    },
  };
}

test('the sweep processes every page of every part and reports how much it started', async () => {
  const activities = sweepWith({
    sweepReports: pages(1).sweep,
    sweepRecoveries: pages(2).sweep,
    sweepRefunds: pages(3).sweep,
    sweepNotices: pages(4).sweep,
    sweepFraudReviews: pages(5).sweep,
    sweepErasures: pages(6).sweep,
    sweepContests: pages(7).sweep,
  });
  const rig = await createTestRig({ activities: { [TaskQueue.maintenance]: activities } });
  const started = {
    reports: 1,
    recoveries: 2,
    refunds: 3,
    notices: 4,
    fraud_cases: 5,
    erasures: 6,
    contests: 7,
  };
  expect(await sweep(rig)).toEqual({
    looked_at: 20,
    ...started,
    failed: [],
    recoveries_until: expect.any(Number),
  });
});

test('a sweep of many pages continues as new, and the histories of its runs stay short', async () => {
  const [recoveries, notices] = [pages(650), pages(2)];
  const activities = sweepWith({ sweepRecoveries: recoveries.sweep, sweepNotices: notices.sweep });
  const rig = await createTestRig({ activities: { [TaskQueue.maintenance]: activities } });
  expect(await sweep(rig)).toMatchObject({ looked_at: 6_500, recoveries: 650, notices: 2, failed: [] });
  expect(recoveries.seen).toEqual(['', ...Array.from({ length: 649 }, (_, page) => String(page + 1))]);
  expect(notices.seen).toEqual(['', '1']);
  // Evidence of continue-as-new.
  const { events } = await rig.client.workflow.getHandle('obligation-sweep-1').fetchHistory();
  expect(events?.length).toBeLessThan(3_000);
  expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).toBeTruthy();
});

test.each<[keyof SweepActivities, SweepResult['failed'], string[]]>([
  ['sweepReports', ['reports', 'recoveries'], ['refunds', 'notices', 'fraud cases', 'erasures', 'contests']],
  [
    'sweepRecoveries',
    ['recoveries'],
    ['reports', 'refunds', 'notices', 'fraud cases', 'erasures', 'contests'],
  ],
  ['sweepRefunds', ['refunds'], ['reports', 'recoveries', 'notices', 'fraud cases', 'erasures', 'contests']],
])(
  'if %s fails, the sweep reports it and continues with the parts that do not depend on it',
  async (part, failed, others) => {
    const { seen, parts } = recordingSweep();
    const activities: SweepActivities = {
      ...parts,
      [part]: async () => {
        throw new PersonaError('graph_unavailable', 'unavailable');
      },
    };
    const rig = await createTestRig({ activities: { [TaskQueue.maintenance]: activities } });
    expect(await sweep(rig)).toMatchObject({ failed });
    expect(seen).toEqual(others);
  },
);

test('a cancelled sweep ends', async () => {
  const begun = Promise.withResolvers<void>();
  const activities = sweepWith({
    async sweepReports() {
      begun.resolve();
      throw new PersonaError('graph_unavailable', 'unavailable');
    },
  });
  const rig = await createTestRig({ activities: { [TaskQueue.maintenance]: activities } });
  const workflowId = 'obligation-sweep-cancelled';
  const handle = await rig.client.workflow.start('sweepObligations', {
    ...{ workflowId, taskQueue: TaskQueue.maintenance },
  });
  await begun.promise;
  await handle.cancel();
  await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
});

test('a due notice is sent by one separate workflow, however many sweeps find it meanwhile', async () => {
  const payment_id = `invoice-${randomUUID()}`;
  const notice: SendNoticeInput = {
    notification_id: recoveryNotificationId(payment_id, Date.now(), 'recovered'),
    payment_id,
    customer_id: randomUUID(),
    template: 'recovered',
  };
  let due = true;
  let away = true;
  const delivered: string[] = [];
  let rig: TestRig;
  const noticeSweep = sweepWith({
    sweepNotices: async () => {
      const started = Number(due && (await startNotice(rig.client, notice)));
      return { looked_at: Number(due), started };
    },
  });
  const sending: Partial<NoticeActivities> = {
    async deliverNotice({ notification_id }) {
      if (away) throw new PersonaError('notifier_unavailable', 'the inbox is unavailable');
      delivered.push(notification_id);
      due = false;
      return { result: 'delivered' };
    },
  };
  rig = await createTestRig({
    activities: { [TaskQueue.maintenance]: noticeSweep, [TaskQueue.recovery]: sending },
  });
  expect(await sweep(rig, 1)).toMatchObject({ notices: 1 });
  expect(await sweep(rig, 2)).toMatchObject({ notices: 0 });
  away = false;
  await rig.client.workflow.getHandle(notice.notification_id).result();
  expect(await sweep(rig, 3)).toMatchObject({ notices: 0 });
  expect(delivered).toEqual([notice.notification_id]);
});

test('unrecorded reports are sent before recoveries are restarted', async () => {
  const { seen, parts } = recordingSweep();
  await sweep(await createTestRig({ activities: { [TaskQueue.maintenance]: parts } }));
  expect(seen).toEqual([
    'reports',
    'recoveries',
    'refunds',
    'notices',
    'fraud cases',
    'erasures',
    'contests',
  ]);
});
