import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { recoveryNotificationId, type SendNoticeInput, TaskQueue } from '../domain/processes.ts';
import { startNotice } from '../temporal/starts.ts';
import { createTestRig, type TestRig } from '../test/rig/index.ts';
import type { NoticeActivities } from './send-notice.ts';
import type { SweepActivities } from './sweep-obligations.ts';

const sweep = (rig: TestRig, n = 1) =>
  rig.client.workflow.execute('sweepObligations', {
    workflowId: `obligation-sweep-${n}`,
    taskQueue: TaskQueue.maintenance,
  });

test('the sweep looks at every page and says how many recoveries and notices it started again', async () => {
  const pages: Record<string, Awaited<ReturnType<SweepActivities['sweepPage']>>> = {
    '': { looked_at: 100, started: ['invoice-7'], next: 'invoice-99' },
    'invoice-99': { looked_at: 3, started: [] },
  };
  const noticePages: typeof pages = {
    '': { looked_at: 101, started: ['one', 'two'], next: 'invoice-50' },
    'invoice-50': { looked_at: 1, started: ['three'] },
  };
  const refundPages: typeof pages = { '': { looked_at: 2, started: ['invoice-1'] } };
  const none = { looked_at: 0, started: [] };
  const activities: SweepActivities = {
    sweepPage: async ({ after }) => pages[after] ?? none,
    sweepReports: async ({ after }) => (after === '' ? { looked_at: 1, started: ['event-1'] } : none),
    sweepRefunds: async ({ after }) => refundPages[after] ?? none,
    sweepNotices: async ({ after }) => noticePages[after] ?? none,
    sweepFraudReviews: async ({ after }) =>
      after === ''
        ? { looked_at: 100, started: ['case-1'], next: 'second' }
        : { looked_at: 1, started: ['case-2'] },
  };
  const rig = await createTestRig({ activities: { [TaskQueue.maintenance]: activities } });
  expect(await sweep(rig)).toEqual({
    looked_at: 103,
    started: 1,
    reports: 1,
    refunds: 1,
    notices: 3,
    fraud_cases: 2,
  });
});

test('a notice that is due is sent by a process of its own, however many sweeps find it meanwhile', async () => {
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
  const sweeping: Partial<SweepActivities> = {
    sweepPage: async () => ({ looked_at: 0, started: [] }),
    sweepRefunds: async () => ({ looked_at: 0, started: [] }),
    sweepReports: async () => ({ looked_at: 0, started: [] }),
    sweepFraudReviews: async () => ({ looked_at: 0, started: [] }),
    sweepNotices: async () => {
      const started = due && (await startNotice(rig.client, notice)) ? [notice.notification_id] : [];
      return { looked_at: Number(due), started };
    },
  };
  const sending: Partial<NoticeActivities> = {
    async deliverNotice({ notification_id }) {
      if (away) throw new PersonaError('notifier_unavailable', 'the inbox is away');
      delivered.push(notification_id);
      due = false;
      return { result: 'delivered' };
    },
  };
  rig = await createTestRig({
    activities: { [TaskQueue.maintenance]: sweeping, [TaskQueue.recovery]: sending },
  });
  expect(await sweep(rig, 1)).toMatchObject({ notices: 1 });
  expect(await sweep(rig, 2)).toMatchObject({ notices: 0 });
  away = false;
  await rig.client.workflow.getHandle(notice.notification_id).result();
  expect(await sweep(rig, 3)).toMatchObject({ notices: 0 });
  expect(delivered).toEqual([notice.notification_id]);
});

test('a message that nothing has recorded reaches its payment before that is taken up without it', async () => {
  const seen: string[] = [];
  const page = (name: string) => async () => {
    seen.push(name);
    return { looked_at: 0, started: [] };
  };
  const activities: SweepActivities = {
    sweepPage: page('payments'),
    sweepReports: page('reports'),
    sweepRefunds: page('refunds'),
    sweepNotices: page('notices'),
    sweepFraudReviews: page('fraud cases'),
  };
  await sweep(await createTestRig({ activities: { [TaskQueue.maintenance]: activities } }));
  expect(seen).toEqual(['reports', 'payments', 'refunds', 'notices', 'fraud cases']);
});
