import { randomUUID } from 'node:crypto';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test, vi } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { fraudReportWorkflowId, recoveryWorkflowId, TaskQueue } from '../domain/processes.ts';
import type { Opening } from '../domain/recovery/claims.ts';
import type { FoundOut } from '../domain/recovery/state.ts';
import { createTestRig, eventually } from '../test/rig/index.ts';
import type { RecoverPaymentResult } from './recover-payment.ts';
import { DAY, FAILED, failureOf, HOUR, report, statusOf, world } from './recovery/testing.ts';
import type { FraudReportInput } from './report-fraud.ts';
import type { NoticeInput } from './send-notice.ts';

vi.setConfig({ testTimeout: 60_000 });

async function childOf(handle: WorkflowHandle): Promise<string> {
  const { events } = await handle.fetchHistory();
  const started = events?.find((event) => event.childWorkflowExecutionStartedEventAttributes);
  const id = started?.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId;
  if (!id) throw new Error('no child was started');
  return id;
}

test('a recovery on the first alternative takes four activities and at most 34 history events', async () => {
  const place = world();
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  const result: RecoverPaymentResult = await handle.result();
  expect(result).toEqual({
    payment_id: place.payment_id,
    outcome: 'recovered',
    payment_method_id: 'card-a',
    attempts: 1,
  });
  expect(place.seen).toMatchObject({ charges: ['card-a:1'], notices: ['recovered'] });
  const { events } = await handle.fetchHistory();
  const activities = events?.filter((event) => event.activityTaskScheduledEventAttributes) ?? [];
  expect(activities.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name)).toEqual([
    'openRecovery',
    'charge',
    'recordAttempt',
    'deliverNotice',
  ]);
  expect(events?.length).toBeLessThanOrEqual(34);
});

test('a method added days later recovers the payment at once; the query shows what it waited for', async () => {
  const place = world({ class: 'FIX', alternatives: [] });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.notices).toEqual(['no_alternative']));
  await rig.sleep(1.5 * DAY);
  expect(await statusOf(rig, place.payment_id)).toMatchObject({ state: 'waiting', waiting_for: 'method' });
  await handle.signal('paymentMethodAdded', { event_id: randomUUID(), payment_method_id: 'card-new' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-new' });
  expect(place.seen).toMatchObject({ charges: ['card-new:1'], notices: ['no_alternative', 'recovered'] });
});

test('nothing helps for fourteen days: the obligation is exhausted', async () => {
  const place = world({ class: 'HARD' });
  const rig = await createTestRig({ activities: place.activities });
  const started = await rig.now();
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'exhausted', attempts: 0 });
  expect((await rig.now()) - started).toBeGreaterThanOrEqual(14 * DAY);
  expect(place.seen).toMatchObject({
    charges: [],
    notices: ['payment_declined_update_card', 'reminder', 'reminder', 'recovery_ended'],
  });
});

const crash = () => {
  throw new Error('the worker broke down');
};

test('a charge that nobody can find out about is asked for on the whole ladder, then a person decides', async () => {
  const place = world({
    charge: (method) => (method === 'card-a' ? crash() : { result: 'approved', gateway_ref: 'pi_1' }),
  });
  const rig = await createTestRig({ activities: place.activities });
  const began = await rig.now();
  const handle = await report(rig, place);
  await rig.sleep(6 * DAY);
  await eventually(() => expect(place.seen.reviews).toEqual(['attempt_unknown']));
  expect(place.seen.asked).toHaveLength(8);
  expect(place.seen).toMatchObject({ charges: ['card-a:1'], notices: [] });
  expect(await statusOf(rig, place.payment_id)).toMatchObject({
    state: 'needs_review',
    waiting_for: 'review',
    attempts: [{ state: 'unknown' }],
  });
  expect((await rig.now()) - began).toBeGreaterThanOrEqual(5 * DAY);
  const status = await handle.executeUpdate('resolveUnknown', {
    args: [
      {
        attempt_key: `recovery:${place.payment_id}:card-a:1`,
        result: 'declined',
        actor: 'ops',
        evidence: 'bank letter',
      },
    ],
  });
  expect(status).toMatchObject({
    attempts: [{ key: `recovery:${place.payment_id}:card-a:1`, state: 'declined' }],
  });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-b' });
  expect(place.seen.charges).toEqual(['card-a:1', 'card-b:1']);
});

test.each<[string, FoundOut, string[], string]>([
  ['was charged', { result: 'approved', gateway_ref: 'pi_1' }, ['card-a:1'], 'card-a'],
  ['was declined', { result: 'declined', codes: {} }, ['card-a:1', 'card-b:1'], 'card-b'],
  ['never arrived', { result: 'not_sent', reason: 'no charge' }, ['card-a:1', 'card-a:2'], 'card-a'],
])('a charge whose answer was lost and that %s is found out at once', async (_, found, charges, charged) => {
  const place = world({
    charge: (method, n) =>
      method === 'card-a' && n === 1 ? crash() : { result: 'approved', gateway_ref: 'pi_1' },
    findOut: () => found,
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: charged });
  expect(place.seen).toMatchObject({ charges, notices: ['recovered'], reviews: [] });
  expect(place.seen.asked).toHaveLength(1);
});

test('a payment that is nowhere counts as not charged only after two looks an hour apart', async () => {
  const looks: number[] = [];
  const place = world({
    charge: (_, n) => (n === 1 ? crash() : { result: 'approved', gateway_ref: 'pi_1' }),
    findOut: () => ({ result: 'absent' }),
  });
  const rig = await createTestRig({ activities: place.activities });
  const began = await rig.now();
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
  looks.push((await rig.now()) - began);
  expect(place.seen.charges).toEqual(['card-a:1', 'card-a:2']);
  expect(looks[0]).toBeGreaterThanOrEqual(2 * HOUR);
});

test('a pending debit waits for days without another card, and a webhook ends the wait', async () => {
  let settled = false;
  const place = world({
    charge: () => ({ result: 'pending', gateway_ref: 'pi_1' }),
    findOut: () =>
      settled ? { result: 'approved', gateway_ref: 'pi_1' } : { result: 'pending', gateway_ref: 'pi_1' },
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await rig.sleep(3 * DAY);
  expect(await statusOf(rig, place.payment_id)).toMatchObject({ state: 'pending', next: { action: 'poll' } });
  expect(place.seen).toMatchObject({ charges: ['card-a:1'], notices: [] });
  settled = true;
  const asked = place.seen.asked.length;
  await handle.signal('chargeResult', { event_id: 'evt_1', gateway_ref: 'pi_1', result: 'approved' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
  expect(place.seen.asked.length).toBe(asked + 1);
});

test('the window’s clock stands still while a charge is in doubt', async () => {
  const place = world({
    alternatives: ['card-a'],
    charge: () => ({ result: 'pending', gateway_ref: 'pi_1' }),
    findOut: (asked) =>
      asked < 8 ? { result: 'pending', gateway_ref: 'pi_1' } : { result: 'declined', codes: {} },
  });
  const rig = await createTestRig({ activities: place.activities });
  const began = await rig.now();
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'exhausted' });
  expect((await rig.now()) - began).toBeGreaterThanOrEqual(20 * DAY);
});

test('a second success that turns up after the end is given back, and the customer is told', async () => {
  let late = false;
  const place = world({
    charge: (method) =>
      method === 'card-a' ? { result: 'declined', codes: {} } : { result: 'approved', gateway_ref: 'pi_1' },
    findOut: () => (late ? { result: 'approved', gateway_ref: 'pi_1' } : { result: 'declined', codes: {} }),
  });
  const rig = await createTestRig({ activities: place.activities });
  await (await report(rig, place)).result();
  late = true;
  const key = `recovery:${place.payment_id}:card-a:1`;
  const run = await rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(place.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: place.payment_id }],
    signal: 'chargeResult',
    signalArgs: [{ event_id: 'evt_2', gateway_ref: 'pi_1', attempt_key: key, result: 'approved' }],
  });
  expect(await run.result()).toMatchObject({ outcome: 'recovered' });
  expect(place.seen).toMatchObject({ refunds: [key], notices: ['recovered', 'refund_issued'] });
});

test('paused, nothing is charged; resumed, it goes on; cancelled, it ends', async () => {
  const place = world({ class: 'TECH' });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  const by = { actor: 'ops', reason: 'incident' };
  await handle.signal('pause', by);
  await eventually(async () => expect(await statusOf(rig, place.payment_id)).toMatchObject({ paused: true }));
  await rig.sleep(DAY);
  expect(place.seen.charges).toEqual([]);
  await handle.signal('resume', by);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });

  const other = world({ class: 'HARD' });
  const second = await createTestRig({ activities: other.activities });
  const waiting = await report(second, other);
  await eventually(() => expect(other.seen.notices).toHaveLength(1));
  await waiting.signal('cancel', by);
  expect(await waiting.result()).toMatchObject({ outcome: 'cancelled' });
});

test('cancelling the execution never leaves a charge unrecorded', async () => {
  const place = world({
    charge: crash,
    findOut: (asked) =>
      asked < 3 ? { result: 'unknown', reason: '' } : { result: 'approved', gateway_ref: 'pi_1' },
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.asked.length).toBeGreaterThan(0));
  await handle.cancel();
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
});

test('retryNow brings a recovery back from a fault of ours', async () => {
  const place = world({ class: 'CONFIG' });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.reviews).toEqual(['rule:CONFIG']));
  await handle.signal('retryNow', { actor: 'ops', reason: 'the key is mended' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: FAILED });
});

test('a resumed run finds out about the charge that a lost run left behind, and charges nothing twice', async () => {
  const place = world({
    charge: () => new Promise(() => {}),
    findOut: () => ({ result: 'approved', gateway_ref: 'pi_1' }),
  });
  const rig = await createTestRig({
    activities: { [TaskQueue.recovery]: place.activities[TaskQueue.recovery] },
  });
  const lost = await report(rig, place);
  await eventually(async () => expect((await statusOf(rig, place.payment_id)).attempts).toHaveLength(1));
  await lost.terminate('lost');
  const second = await createTestRig({ activities: place.activities });
  const handle = await second.client.workflow.start('recoverPayment', {
    workflowId: recoveryWorkflowId(place.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: place.payment_id, resume: true }],
  });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
  expect(place.seen).toMatchObject({ charges: [], notices: ['recovered'] });
});

test('a charge that was never sent is claimed anew under the next number', async () => {
  const place = world({
    charge: (_, n) =>
      n > 1
        ? { result: 'approved', gateway_ref: 'pi_1' }
        : { result: 'not_sent', reason: 'connection refused' },
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
  expect(place.seen.charges).toEqual(['card-a:1', 'card-a:2']);
});

test('blocked by another recovery, it goes on when that one frees the claim', async () => {
  let free = false;
  const place = world({
    claim: () => (free ? undefined : { result: 'blocked', by: 'invoice-other', since: 0, what: 'customer' }),
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(async () => {
    expect(await statusOf(rig, place.payment_id)).toMatchObject({ state: 'waiting', waiting_for: 'claim' });
  });
  free = true;
  await handle.signal('claimFreed', {});
  await eventually(() => expect(place.seen.charges).toEqual(['card-a:1']));
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
});

test('a settlement ends the wait, and a settlement before any failure closes the payment in advance', async () => {
  const place = world({ alternatives: [] });
  const rig = await createTestRig({ activities: place.activities });
  const settlement = { event_id: randomUUID(), payment_id: place.payment_id, customer_id: place.customer_id };
  const settled = { ...settlement, settled_at: new Date().toISOString() };
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.notices).toEqual(['no_alternative']));
  await handle.signal('paymentSettled', settled);
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere' });

  const early = world();
  const run = await rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(early.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: early.payment_id }],
    signal: 'paymentSettled',
    signalArgs: [{ ...settled, payment_id: early.payment_id, customer_id: early.customer_id }],
  });
  expect(await run.result()).toMatchObject({ outcome: 'paid_elsewhere', attempts: 0 });
});

test('a failure of a payment that is closed charges nothing and gives the stored outcome', async () => {
  const place = world();
  const rig = await createTestRig({ activities: place.activities });
  await (await report(rig, place)).result();
  const again = await report(rig, place);
  expect(await again.result()).toMatchObject({ outcome: 'recovered' });
  expect(place.seen).toMatchObject({ charges: ['card-a:1'], notices: ['recovered'] });
});

test.each([
  ['an amount of zero', { amount: 0 }, 'amount'],
  ['another payment than the workflow is about', { payment_id: 'invoice-of-somebody-else' }, 'payment_id'],
])('a first signal with %s fails the run and names the field', async (_, changes, field) => {
  const place = world();
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place, changes);
  const error = await handle.result().then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(WorkflowFailedError);
  const cause = (error as WorkflowFailedError).cause as ApplicationFailure;
  expect(cause).toMatchObject({ type: 'InvalidPaymentFailed', nonRetryable: true });
  expect(cause.message).toContain(`${field}: `);
});

test('a refused first failure fails the run, a bad later signal changes nothing', async () => {
  const refused = world({
    opening: () => ({
      result: 'refused',
      type: 'customer_not_found',
      problems: [{ field: 'customer_id', message: 'is no customer of ours' }],
    }),
  });
  const rig = await createTestRig({ activities: refused.activities });
  const failing = (await report(rig, refused)).result();
  await expect(failing).rejects.toMatchObject({ cause: { type: 'InvalidPaymentFailed' } });
});

test('a later signal that is invalid is ignored', async () => {
  const place = world({ alternatives: [] });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.notices).toEqual(['no_alternative']));
  await handle.signal('paymentFailed', { payment_id: place.payment_id, amount: 'much' });
  await handle.signal('paymentMethodAdded', { event_id: randomUUID(), payment_method_id: 'card-new' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
});

test('payloads that are missing are ignored, and the same added method twice is one', async () => {
  const place = world({
    class: 'FIX',
    alternatives: [],
    charge: () => ({ result: 'declined', codes: {} }),
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.notices).toEqual(['no_alternative']));
  for (const signal of ['paymentMethodAdded', 'chargeResult', 'pause', 'resume', 'claimFreed'])
    await handle.signal(signal);
  await handle.signal('paymentMethodAdded', null);
  const event_id = randomUUID();
  for (let times = 0; times < 3; times++) {
    await handle.signal('paymentMethodAdded', { event_id, payment_method_id: 'card-new' });
    await eventually(() => expect(place.seen.charges).toEqual(['card-new:1']));
  }
  // Once because it was added, and then on its schedule.
  expect(await handle.result()).toMatchObject({ outcome: 'exhausted', attempts: 5 });
});

test('a consent withdrawn elsewhere ends this recovery too', async () => {
  const place = world({ alternatives: [] });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.notices).toEqual(['no_alternative']));
  await handle.signal('consentRevoked', { event_id: randomUUID() });
  expect(await handle.result()).toMatchObject({ outcome: 'stopped' });
  expect(place.seen.notices).toEqual(['no_alternative', 'payment_stopped']);
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
])('a failure that comes while a run finds its payment %s is not lost with that run', async (_, found) => {
  const heard = Promise.withResolvers<void>();
  const resumeRecovery = async () => {
    await heard.promise;
    return found;
  };
  const place = world({ spoiled: { resumeRecovery } });
  const rig = await createTestRig({ activities: place.activities });
  const run = await rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(place.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: place.payment_id }],
    signal: 'chargeResult',
    signalArgs: [{ event_id: 'evt_1', gateway_ref: 'pi_1', result: 'approved' }],
  });
  await run.signal('claimFreed', {});
  await run.signal('paymentFailed', failureOf(place, await rig.now()));
  heard.resolve();
  expect(await run.result()).toMatchObject({ outcome: 'recovered' });
});

test('the status of a run that began on a closed payment says how it ended', async () => {
  const place = world();
  const rig = await createTestRig({ activities: place.activities });
  await (await report(rig, place)).result();
  await (await report(rig, place)).result();
  expect(await statusOf(rig, place.payment_id)).toMatchObject({ state: 'done', outcome: 'recovered' });
});

test.each([[[]], [[null]], [[{}]]])(
  'a start without its input (%j) fails and says what is missing',
  async (args) => {
    const place = world();
    const rig = await createTestRig({ activities: place.activities });
    const handle = await rig.client.workflow.start('recoverPayment', {
      workflowId: recoveryWorkflowId(place.payment_id),
      taskQueue: TaskQueue.recovery,
      args: args as [],
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'InvalidPaymentFailed' } });
  },
);

test('a start without a signal ends as a bad start', async () => {
  const place = world();
  const rig = await createTestRig({ activities: place.activities });
  const handle = await rig.client.workflow.start('recoverPayment', {
    workflowId: recoveryWorkflowId(place.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: place.payment_id }],
  });
  await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'InvalidPaymentFailed' } });
});

test('fraud is stopped at once, Chimera hears of it however long it is away, and the recovery does not wait for it', async () => {
  let away = true;
  const reports: FraudReportInput[] = [];
  const place = world({
    class: 'FRAUD',
    spoiled: {
      async reportSuspectedFraud(suspicion) {
        if (away) throw new PersonaError('chimera_unavailable', 'Chimera is away');
        reports.push(suspicion);
      },
    },
  });
  const rig = await createTestRig({ activities: place.activities });
  const event_id = randomUUID();
  const handle = await report(rig, place, { event_id, decline_code: 'stolen_card' });
  expect(await handle.result()).toMatchObject({ outcome: 'stopped', attempts: 0 });
  expect(place.seen).toMatchObject({ charges: [], notices: ['payment_declined_update_card'] });
  away = false;
  const suspicion = fraudReportWorkflowId(event_id);
  await rig.client.workflow.getHandle(suspicion).result();
  expect(reports).toMatchObject([{ event_id, customer_id: place.customer_id, payment_id: place.payment_id }]);
});

test('a notifier that is away delays nothing: a child delivers the notice when it is back', async () => {
  let away = true;
  const delivered: NoticeInput[] = [];
  const place = world({
    spoiled: {
      async deliverNotice(notice) {
        if (away) throw new PersonaError('notifier_unavailable', 'the inbox is away');
        delivered.push(notice);
        return { result: 'delivered' };
      },
    },
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
  expect(delivered).toEqual([]);
  away = false;
  const child = await eventually(() => childOf(handle));
  expect(await rig.client.workflow.getHandle(child).result()).toEqual({ result: 'delivered' });
  expect(delivered).toMatchObject([{ notification_id: child, template: 'recovered' }]);
});
