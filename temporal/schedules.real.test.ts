import { randomUUID } from 'node:crypto';
import { Metadata, status } from '@grpc/grpc-js';
import { type ScheduleHandle, ScheduleNotFoundError } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { expect, test, vi } from 'vitest';
import {
  EXPIRY_MONITOR,
  OBLIGATION_SWEEP,
  recoveryWorkflowId,
  SearchAttribute,
  TaskQueue,
} from '../domain/workflow-contracts.ts';
import { createTestRig, eventually } from '../test/rig/index.ts';
import { listRunningRecoveries } from './running-recoveries.ts';
import { ensureSchedules, maintainSchedules, scheduleStatuses } from './schedules.ts';
import type { SweepInput } from '../workflows/sweep-obligations.ts';
import { resumeRecovery } from './workflow-client.ts';

/** The execution that the schedule has started last. */
async function lastRunOf(handle: ScheduleHandle): Promise<string> {
  const { info } = await handle.describe();
  return info.recentActions.at(-1)?.action.workflow.workflowId ?? expect.fail('nothing was started');
}

test('the sweep is scheduled once although several workers create it, and starts its workflow', async () => {
  const swept: SweepInput[] = [];
  const nothing = async () => ({ looked_at: 0, started: 0 });
  const sweep = {
    async sweepRecoveries(input: SweepInput) {
      swept.push(input);
      return { looked_at: 0, started: 0 };
    },
    sweepReports: nothing,
    sweepRefunds: nothing,
    sweepNotices: nothing,
    sweepFraudReviews: nothing,
    sweepErasures: nothing,
    sweepContests: nothing,
  };
  const rig = await createTestRig({ server: 'dev', activities: { [TaskQueue.maintenance]: sweep } });
  await Promise.all([
    ensureSchedules(rig.client, 1),
    ensureSchedules(rig.client, 1),
    ensureSchedules(rig.client, 1),
  ]);
  const handle = rig.client.schedule.getHandle(OBLIGATION_SWEEP.id);
  const { spec, policies } = await handle.describe();
  expect(spec.intervals).toMatchObject([{ every: OBLIGATION_SWEEP.everyMs }]);
  expect(policies.overlap).toBe('SKIP');
  await handle.trigger('SKIP');
  await eventually(() => expect(swept).toHaveLength(1), 30_000);
  const [first] = swept;
  const { events } = await rig.client.workflow.getHandle(await lastRunOf(handle)).fetchHistory();
  const scheduled = events?.map((event) => event.activityTaskScheduledEventAttributes) ?? [];
  // The share of the test is 1: the run has begun a trace.
  expect(scheduled.flatMap((activity) => Object.keys(activity?.header?.fields ?? {}))).toContain(
    '_tracer-data',
  );
  // The next sweep continues where the previous one's period ended.
  await eventually(async () => {
    await handle.trigger('SKIP');
    expect(swept.length).toBeGreaterThan(1);
  }, 30_000);
  expect(swept[1]).toEqual({ after: '', period: { from: first?.period.to, to: expect.any(Number) } });
  await handle.delete();
});

test('the expiry monitor runs daily, 30 to 60 minutes after a day has ended in every time zone', async () => {
  const rig = await createTestRig({ server: 'dev', activities: {} });
  await ensureSchedules(rig.client, 1);
  const { spec, policies, info } = await rig.client.schedule.getHandle(EXPIRY_MONITOR.id).describe();
  expect(spec.jitter).toBe(EXPIRY_MONITOR.jitterMs);
  expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: EXPIRY_MONITOR.everyMs });
  const [first, second] = info.nextActionTimes as [Date, Date];
  const sinceNoon = (time: Date) => (time.getTime() % EXPIRY_MONITOR.everyMs) - EXPIRY_MONITOR.everyMs / 2;
  expect(sinceNoon(first)).toBeGreaterThanOrEqual(30 * 60_000);
  expect(sinceNoon(first)).toBeLessThanOrEqual(60 * 60_000);
  const apart = second.getTime() - first.getTime();
  expect(Math.abs(apart - EXPIRY_MONITOR.everyMs)).toBeLessThanOrEqual(EXPIRY_MONITOR.jitterMs);
});

test('a changed schedule is updated, a paused one stays paused, and an obsolete one is deleted', async () => {
  const rig = await createTestRig({ server: 'dev', activities: {} });
  const { schedule } = rig.client;
  const process = defineSearchAttributeKey(SearchAttribute.process, 'KEYWORD');
  const ids = { former: `former-${randomUUID()}`, foreign: `of-others-${randomUUID()}` };
  const spec = { intervals: [{ every: 7 * 60_000 }] };
  const action = {
    ...{ type: 'startWorkflow' as const, workflowType: 'any', taskQueue: TaskQueue.maintenance },
  };
  await ensureSchedules(rig.client, 1);
  const handle = schedule.getHandle(OBLIGATION_SWEEP.id);
  try {
    // At once: Temporal may process a pause before an update that was sent earlier, which would then end the pause.
    const state = { paused: true, note: 'an incident' };
    await handle.update((known) => ({ ...known, spec, state: { ...known.state, ...state } }));
    const mark = [{ key: process, value: 'any' }];
    await schedule.create({ scheduleId: ids.former, spec, action, typedSearchAttributes: mark });
    await schedule.create({ scheduleId: ids.foreign, spec, action });
    // The list of schedules is eventually consistent.
    await eventually(async () => {
      await ensureSchedules(rig.client, 1);
      await expect(schedule.getHandle(ids.former).describe()).rejects.toThrow(ScheduleNotFoundError);
    }, 30_000);
    await schedule.getHandle(ids.foreign).describe();
    expect((await handle.describe()).spec.intervals).toMatchObject([{ every: OBLIGATION_SWEEP.everyMs }]);
    const statusOfSweep = async () => (await scheduleStatuses(rig.client))[0];
    await eventually(async () => {
      const sweep = await statusOfSweep();
      expect(sweep).toMatchObject({ id: OBLIGATION_SWEEP.id, workflow: 'sweepObligations', paused: true });
      expect(sweep).not.toHaveProperty('next');
    }, 30_000);
    await handle.unpause();
    await eventually(async () => {
      expect(await statusOfSweep()).toMatchObject({ paused: false, next: expect.stringMatching(/Z$/) });
    }, 30_000);
  } finally {
    await schedule.getHandle(ids.foreign).delete();
    await handle.delete();
  }
});

test('a schedule that is paused while a worker updates it stays paused, and is updated', async () => {
  const rig = await createTestRig({ server: 'dev', activities: {} });
  await ensureSchedules(rig.client, 1);
  const handle = rig.client.schedule.getHandle(OBLIGATION_SWEEP.id);
  await handle.update((known) => ({ ...known, spec: { intervals: [{ every: 7 * 60_000 }] } }));
  const { workflowService } = rig.client;
  const describeSchedule = workflowService.describeSchedule.bind(workflowService);
  let isPaused = false;
  const spy = vi.spyOn(workflowService, 'describeSchedule').mockImplementation((async (request: {
    scheduleId: string;
  }) => {
    const description = await describeSchedule(request);
    if (request.scheduleId === OBLIGATION_SWEEP.id && !isPaused) {
      isPaused = true;
      await handle.pause();
      await eventually(async () => expect((await handle.describe()).state.paused).toBe(true), 30_000);
    }
    return description;
  }) as unknown as typeof describeSchedule);
  try {
    await ensureSchedules(rig.client, 1);
    const { spec, state } = await handle.describe();
    expect(state.paused).toBe(true);
    expect(spec.intervals).toMatchObject([{ every: OBLIGATION_SWEEP.everyMs }]);
  } finally {
    spy.mockRestore();
    await handle.delete();
  }
});

test('an update that Temporal refuses, because the schedule has changed, is sent again', async () => {
  const rig = await createTestRig({ server: 'dev', activities: {} });
  await ensureSchedules(rig.client, 1);
  const handle = rig.client.schedule.getHandle(OBLIGATION_SWEEP.id);
  await handle.update((known) => ({ ...known, spec: { intervals: [{ every: 7 * 60_000 }] } }));
  const details = 'mismatched conflict token';
  const refusal = { code: status.FAILED_PRECONDITION, details, metadata: new Metadata() };
  const spy = vi
    .spyOn(rig.client.workflowService, 'updateSchedule')
    .mockRejectedValueOnce(Object.assign(new Error(details), refusal));
  try {
    await ensureSchedules(rig.client, 1);
    expect((await handle.describe()).spec.intervals).toMatchObject([{ every: OBLIGATION_SWEEP.everyMs }]);
  } finally {
    spy.mockRestore();
    await handle.delete();
  }
});

test('a schedule that is lost under a running worker is restored, and an existing one is left unchanged', async () => {
  const rig = await createTestRig({ server: 'dev', activities: {} });
  const handle = rig.client.schedule.getHandle(OBLIGATION_SWEEP.id);
  const looks = vi.spyOn(rig.client.schedule, 'create');
  const failures: unknown[] = [];
  await ensureSchedules(rig.client, 1);
  const stop = maintainSchedules(rig.client, {
    everyMs: 50,
    tracedShare: 1,
    onFailure: (error) => failures.push(error),
  });
  try {
    await handle.delete();
    await eventually(() => handle.describe(), 30_000);
    await handle.update((known) => ({ ...known, spec: { intervals: [{ every: 7 * 60_000 }] } }));
    const seen = looks.mock.calls.length;
    await eventually(() => expect(looks.mock.calls.length).toBeGreaterThan(seen + 2), 30_000);
    expect((await handle.describe()).spec.intervals).toMatchObject([{ every: 7 * 60_000 }]);
  } finally {
    stop();
    await handle.delete();
  }
  expect(failures).toEqual([]);
});

test('a recovery is resumed only if none is running', async () => {
  const rig = await createTestRig({ server: 'dev', activities: {} });
  const paymentId = `invoice-${randomUUID()}`;
  rig.leaveOpen(recoveryWorkflowId(paymentId), 'no worker serves it');
  const started = await Promise.all([1, 2, 3].map(() => resumeRecovery(rig.client, paymentId)));
  expect(started.filter(Boolean)).toHaveLength(1);
});

test('lists the payments of a page whose recovery is running', async () => {
  const rig = await createTestRig({ server: 'dev', activities: {} });
  const [before, first, lost, last, behind] = ['a', 'b', 'c', 'd', 'e'].map((id) => `invoice-${id}`) as [
    ...[string, string, string, string, string],
  ];
  const running = [before, first, last, behind];
  for (const paymentId of running) {
    rig.leaveOpen(recoveryWorkflowId(paymentId), 'no worker serves it');
    await resumeRecovery(rig.client, paymentId);
  }
  // Temporal lists a terminated workflow too, but not as running.
  await resumeRecovery(rig.client, lost);
  await rig.client.workflow.getHandle(recoveryWorkflowId(lost)).terminate();
  await eventually(async () => {
    expect(await listRunningRecoveries(rig.client, running)).toEqual(new Set(running));
    expect(await listRunningRecoveries(rig.client, [first, lost, last])).toEqual(new Set([first, last]));
  }, 30_000);
  expect(await listRunningRecoveries(rig.client, [])).toEqual(new Set());
});
