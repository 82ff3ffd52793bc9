import { randomUUID } from 'node:crypto';
import { type WorkflowHandle } from '@temporalio/client';
import { expect, test, vi } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { SuspectedFraud } from '../domain/ports.ts';
import {
  fraudReportWorkflowId,
  type NoticeInput,
  recoveryWorkflowId,
  TaskQueue,
} from '../domain/workflow-contracts.ts';
import type { Opening } from '../domain/recovery/claims.ts';
import { createTestRig, eventually, type TestRig } from '../test/rig/index.ts';
import type { RecoverPaymentResult } from './recover-payment.ts';
import { DAY, failureOf, report, statusOf, fakeRecovery } from './recovery/recovery-workflow-fixtures.ts';

vi.setConfig({ testTimeout: 60_000 });

async function childOf(handle: WorkflowHandle): Promise<string> {
  const { events } = await handle.fetchHistory();
  const started = events?.find((event) => event.childWorkflowExecutionStartedEventAttributes);
  const id = started?.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId;
  if (!id) throw new Error('no child was started');
  return id;
}

test('a recovery on the first alternative takes two activity tasks and 22 history events', async () => {
  const fake = fakeRecovery();
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  const result: RecoverPaymentResult = await handle.result();
  expect(result).toEqual({
    payment_id: fake.payment_id,
    outcome: 'recovered',
    payment_method_id: 'card-a',
    attempts: 1,
  });
  expect(fake.seen).toMatchObject({ charges: ['card-a:1'], notices: ['recovered'] });
  const { events } = await handle.fetchHistory();
  const activities = events?.filter((event) => event.activityTaskScheduledEventAttributes) ?? [];
  expect(activities.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name)).toEqual([
    'charge',
    'deliverNotice',
  ]);
  expect(events?.length).toBeLessThanOrEqual(22);
});

test('a method added days later is charged immediately, and the query shows what the recovery waited for', async () => {
  const fake = fakeRecovery({ class: 'FIX', alternatives: [] });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await rig.sleep(1.5 * DAY);
  expect(await statusOf(rig, fake.payment_id)).toMatchObject({ state: 'waiting', waiting_for: 'method' });
  await handle.signal('paymentMethodAdded', { event_id: randomUUID(), payment_method_id: 'card-new' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-new' });
  expect(fake.seen).toMatchObject({ charges: ['card-new:1'], notices: ['no_alternative', 'recovered'] });
});

test('an obligation that is not recovered within fourteen days is exhausted', async () => {
  const fake = fakeRecovery({ class: 'HARD' });
  const rig = await createTestRig({ activities: fake.activities });
  const started = await rig.now();
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'exhausted', attempts: 0 });
  expect((await rig.now()) - started).toBeGreaterThanOrEqual(14 * DAY);
  expect(fake.seen).toMatchObject({
    charges: [],
    notices: ['payment_declined_update_card', 'reminder', 'reminder', 'recovery_ended'],
  });
});

test.each<[string, Opening]>([
  ['unknown', { result: 'ignored' }],
  [
    'closed',
    {
      result: 'closed',
      obligation: {
        payment_id: 'p',
        customer_id: 'c',
        outcome: 'exhausted',
        rule: 'window_over',
        attempts: [],
      },
    },
  ],
])('a failure received while a run finds its payment %s is not lost with that run', async (_, found) => {
  const started = Promise.withResolvers<void>();
  const received = Promise.withResolvers<void>();
  const resumeRecovery = async () => {
    started.resolve();
    await received.promise;
    return found;
  };
  const fake = fakeRecovery({ overrides: { resumeRecovery } });
  const rig = await createTestRig({ activities: fake.activities });
  const run = await rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(fake.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: fake.payment_id }],
    signal: 'chargeResult',
    signalArgs: [{ event_id: 'evt_1', gateway_ref: 'pi_1', result: 'approved' }],
  });
  await started.promise;
  await run.signal('claimFreed', {});
  await run.signal('paymentFailed', failureOf(fake, await rig.now()));
  received.resolve();
  expect(await run.result()).toMatchObject({ outcome: 'recovered' });
});

test('the status of a run that started on a closed payment shows its outcome', async () => {
  const fake = fakeRecovery();
  const rig = await createTestRig({ activities: fake.activities });
  await (await report(rig, fake)).result();
  await (await report(rig, fake)).result();
  expect(await statusOf(rig, fake.payment_id)).toMatchObject({ state: 'done', outcome: 'recovered' });
});

test.each([[[]], [[null]], [[{}]]])(
  'a start without input (%j) fails and names the missing field',
  async (args) => {
    const fake = fakeRecovery();
    const rig = await createTestRig({ activities: fake.activities });
    const handle = await rig.client.workflow.start('recoverPayment', {
      workflowId: recoveryWorkflowId(fake.payment_id),
      taskQueue: TaskQueue.recovery,
      args: args as [],
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'InvalidPaymentFailed' } });
  },
);

test('a start without a signal fails as invalid', async () => {
  const fake = fakeRecovery();
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await rig.client.workflow.start('recoverPayment', {
    workflowId: recoveryWorkflowId(fake.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: fake.payment_id }],
  });
  await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'InvalidPaymentFailed' } });
});

test('fraud ends the recovery immediately, and is reported once Chimera is available again', async () => {
  let away = true;
  const reports: SuspectedFraud[] = [];
  const fake = fakeRecovery({
    class: 'FRAUD',
    overrides: {
      async reportSuspectedFraud(suspicion) {
        if (away) throw new PersonaError('chimera_unavailable', 'Chimera is unavailable');
        reports.push(suspicion);
      },
    },
  });
  const rig = await createTestRig({ activities: fake.activities });
  const event_id = randomUUID();
  const handle = await report(rig, fake, { event_id, decline_code: 'stolen_card' });
  expect(await handle.result()).toMatchObject({ outcome: 'stopped', attempts: 0 });
  expect(fake.seen).toMatchObject({ charges: [], notices: ['payment_declined_update_card'] });
  away = false;
  const suspicion = fraudReportWorkflowId(event_id);
  await rig.client.workflow.getHandle(suspicion).result();
  expect(reports).toMatchObject([{ event_id, customer_id: fake.customer_id, payment_id: fake.payment_id }]);
  expect(await customerOf(rig, suspicion)).toEqual([fake.customer_id]);
});

/** As shown by the execution's search attributes, by which an erasure finds it. */
async function customerOf(rig: TestRig, workflowId: string): Promise<unknown> {
  const { searchAttributes } = await rig.client.workflow.getHandle(workflowId).describe();
  return searchAttributes.PersonaCustomerId;
}

test('an unavailable notifier does not delay the recovery: a child delivers the notice later', async () => {
  let away = true;
  const delivered: NoticeInput[] = [];
  const fake = fakeRecovery({
    overrides: {
      async deliverNotice(notice) {
        if (away) throw new PersonaError('notifier_unavailable', 'the inbox is unavailable');
        delivered.push(notice);
        return { result: 'delivered' };
      },
    },
  });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
  expect(delivered).toEqual([]);
  away = false;
  const child = await eventually(() => childOf(handle));
  expect(await rig.client.workflow.getHandle(child).result()).toEqual({ result: 'delivered' });
  expect(delivered).toMatchObject([{ notification_id: child, template: 'recovered' }]);
  expect(await customerOf(rig, child)).toEqual([fake.customer_id]);
});
