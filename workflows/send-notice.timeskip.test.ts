import { randomUUID } from 'node:crypto';
import { activityInfo, heartbeat } from '@temporalio/activity';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import {
  type NoticeInput,
  recoveryNotificationId,
  type SendNoticeInput,
  TaskQueue,
} from '../domain/workflow-contracts.ts';
import { createTestRig, type TestRig } from '../test/rig/index.ts';
import type { NoticeActivities } from './send-notice.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function noticeOf(): NoticeInput {
  const payment_id = `invoice-${randomUUID()}`;
  const notification_id = recoveryNotificationId(payment_id, Date.now(), 'all_declined');
  return { notification_id, payment_id, customer_id: randomUUID(), template: 'all_declined' };
}

/** A receiver, and optionally a graph, that is down for that long by the server's clock. */
async function outage(until: { receiver: number; graph?: number }) {
  const seen = { tries: [] as number[], failed: [] as object[] };
  let rig: TestRig;
  let began = 0;
  const activities: NoticeActivities = {
    async deliverNotice() {
      const passed = (await rig.now()) - began;
      seen.tries.push(passed);
      if (passed < until.receiver) throw new PersonaError('notifier_unavailable', 'the inbox is unavailable');
      return { result: 'delivered' };
    },
    async recordNoticeFailed(input) {
      if ((await rig.now()) - began < (until.graph ?? 0))
        throw new PersonaError('graph_unavailable', 'Neo4j is unavailable');
      seen.failed.push(input);
    },
  };
  rig = await createTestRig({ activities: { [TaskQueue.recovery]: activities } });
  began = await rig.now();
  const input = noticeOf();
  const handle = await send(rig, input);
  return { input, seen, result: await handle.result() };
}

const send = (rig: TestRig, input: SendNoticeInput) =>
  rig.client.workflow.start('sendNotice', {
    workflowId: input.notification_id,
    taskQueue: TaskQueue.recovery,
    args: [input],
  });

test('a receiver that is down for almost three days gets the notice within an hour of its return', async () => {
  const { seen, result } = await outage({ receiver: 2 * DAY + 20 * HOUR });
  expect(result).toEqual({ result: 'delivered' });
  expect(seen.failed).toEqual([]);
  const last = seen.tries.at(-1) ?? 0;
  expect(last - 2 * DAY - 20 * HOUR).toBeLessThanOrEqual(HOUR + 60_000);
  // Hourly after the first few attempts, not thousands of times.
  expect(seen.tries.length).toBeGreaterThan(60);
  expect(seen.tries.length).toBeLessThan(90);
});

test('a notice is given up after three days, and the reason is recorded even if the graph is down at that time', async () => {
  const { input, seen, result } = await outage({ receiver: 5 * DAY, graph: 4 * DAY });
  expect(result).toEqual({ result: 'undeliverable' });
  expect(Math.max(...seen.tries)).toBeLessThanOrEqual(3 * DAY + 60_000);
  expect(seen.failed).toEqual([{ ...input, reason: 'given up: the inbox is unavailable' }]);
});

test('a notice that is too old is given up without an attempt, and the reason is recorded', async () => {
  const failed: object[] = [];
  const activities: Partial<NoticeActivities> = {
    async recordNoticeFailed(input) {
      failed.push(input);
    },
  };
  const rig = await createTestRig({ activities: { [TaskQueue.recovery]: activities } });
  const input = noticeOf();
  const handle = await send(rig, { ...input, given_up: 'too old' });
  expect(await handle.result()).toEqual({ result: 'undeliverable' });
  expect(failed).toEqual([{ ...input, reason: 'given up: too old' }]);
});

test('an attempt gets the heartbeat details of the previous one', async () => {
  const seen: unknown[] = [];
  const activities: NoticeActivities = {
    async deliverNotice() {
      seen.push(activityInfo().heartbeatDetails);
      if (seen.length > 1) return { result: 'delivered' };
      heartbeat('handed over');
      throw new PersonaError('graph_unavailable', 'Neo4j is unavailable');
    },
    async recordNoticeFailed() {},
  };
  const rig = await createTestRig({ activities: { [TaskQueue.recovery]: activities } });
  const handle = await send(rig, noticeOf());
  expect(await handle.result()).toEqual({ result: 'delivered' });
  expect(seen).toEqual([undefined, 'handed over']);
});
