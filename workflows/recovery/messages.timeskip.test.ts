import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test, vi } from 'vitest';
import { recoveryWorkflowId, TaskQueue } from '../../domain/workflow-contracts.ts';
import { createTestRig, eventually } from '../../test/rig/index.ts';
import { crash, DAY, FAILED, report, statusOf, fakeRecovery } from './recovery-workflow-fixtures.ts';

vi.setConfig({ testTimeout: 60_000 });

test('a paused recovery charges nothing, a resumed one continues, and a cancelled one ends', async () => {
  const fake = fakeRecovery({ class: 'TECH' });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  const by = { actor: 'ops', reason: 'incident' };
  await handle.signal('pause', by);
  await eventually(async () => expect(await statusOf(rig, fake.payment_id)).toMatchObject({ paused: true }));
  await rig.sleep(DAY);
  expect(fake.seen.charges).toEqual([]);
  await handle.signal('resume', by);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });

  const other = fakeRecovery({ class: 'HARD' });
  const second = await createTestRig({ activities: other.activities });
  const waiting = await report(second, other);
  await eventually(() => expect(other.seen.notices).toHaveLength(1));
  await waiting.signal('cancel', by);
  expect(await waiting.result()).toMatchObject({ outcome: 'cancelled' });
});

test('cancelling the execution never leaves a charge unrecorded', async () => {
  const fake = fakeRecovery({
    charge: crash,
    resolveCharge: (asked) =>
      asked < 3 ? { result: 'unknown', reason: '' } : { result: 'approved', gateway_ref: 'pi_1' },
  });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.asked.length).toBeGreaterThan(0));
  await handle.cancel();
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
});

test('retryNow continues a recovery that a configuration fault had put under review', async () => {
  const fake = fakeRecovery({ class: 'CONFIG' });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.reviews).toEqual(['rule:CONFIG']));
  await handle.signal('retryNow', { actor: 'ops', reason: 'the key is fixed' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: FAILED });
});

test('a settlement ends the wait, and a settlement before any failure closes the payment in advance', async () => {
  const fake = fakeRecovery({ alternatives: [] });
  const rig = await createTestRig({ activities: fake.activities });
  const settlement = { event_id: randomUUID(), payment_id: fake.payment_id, customer_id: fake.customer_id };
  const settled = { ...settlement, settled_at: new Date().toISOString() };
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await handle.signal('paymentSettled', settled);
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere' });

  const early = fakeRecovery();
  const run = await rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(early.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: early.payment_id }],
    signal: 'paymentSettled',
    signalArgs: [{ ...settled, payment_id: early.payment_id, customer_id: early.customer_id }],
  });
  expect(await run.result()).toMatchObject({ outcome: 'paid_elsewhere', attempts: 0 });
});

test('a failure of a closed payment charges nothing and returns the stored outcome', async () => {
  const fake = fakeRecovery();
  const rig = await createTestRig({ activities: fake.activities });
  await (await report(rig, fake)).result();
  const again = await report(rig, fake);
  expect(await again.result()).toMatchObject({ outcome: 'recovered' });
  expect(fake.seen).toMatchObject({ charges: ['card-a:1'], notices: ['recovered'] });
});

test.each([
  ['an amount of zero', { amount: 0 }, 'amount'],
  ['the id of another payment', { payment_id: 'invoice-other' }, 'payment_id'],
])('a first signal with %s fails the run and names the field', async (_, changes, field) => {
  const fake = fakeRecovery();
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake, changes);
  const error = await handle.result().then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(WorkflowFailedError);
  const cause = (error as WorkflowFailedError).cause as ApplicationFailure;
  expect(cause).toMatchObject({ type: 'InvalidPaymentFailed', nonRetryable: true });
  expect(cause.message).toContain(`${field}: `);
});

test('a refused first failure fails the run', async () => {
  const refused = fakeRecovery({
    opening: () => ({
      result: 'refused',
      type: 'customer_not_found',
      problems: [{ field: 'customer_id', message: 'is unknown' }],
    }),
  });
  const rig = await createTestRig({ activities: refused.activities });
  const failing = (await report(rig, refused)).result();
  await expect(failing).rejects.toMatchObject({ cause: { type: 'InvalidPaymentFailed' } });
});

test('an invalid later signal is ignored', async () => {
  const fake = fakeRecovery({ alternatives: [] });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await handle.signal('paymentFailed', { payment_id: fake.payment_id, amount: 'much' });
  await handle.signal('paymentMethodAdded', { event_id: randomUUID(), payment_method_id: 'card-new' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
});

test('signals without payload are ignored, and repeated signals of an added method count once', async () => {
  const fake = fakeRecovery({
    class: 'FIX',
    alternatives: [],
    charge: () => ({ result: 'declined', codes: {} }),
  });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  for (const signal of ['paymentMethodAdded', 'chargeResult', 'pause', 'resume', 'claimFreed'])
    await handle.signal(signal);
  await handle.signal('paymentMethodAdded', null);
  const event_id = randomUUID();
  for (let times = 0; times < 3; times++) {
    await handle.signal('paymentMethodAdded', { event_id, payment_method_id: 'card-new' });
    await eventually(() => expect(fake.seen.charges).toEqual(['card-new:1']));
  }
  // Once because it was added, and then on its retry schedule.
  expect(await handle.result()).toMatchObject({ outcome: 'exhausted', attempts: 5 });
});

test('consent withdrawn elsewhere ends this recovery too', async () => {
  const fake = fakeRecovery({ alternatives: [] });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await handle.signal('consentRevoked', { event_id: randomUUID() });
  expect(await handle.result()).toMatchObject({ outcome: 'stopped' });
  expect(fake.seen.notices).toEqual(['no_alternative', 'payment_stopped']);
});

test('of two external payments reported during a charge, the first closes the obligation and the second is refunded', async () => {
  let answer = () => {};
  const both = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const fake = fakeRecovery({
    charge: async () => {
      await both;
      return { result: 'declined', codes: {} };
    },
    overrides: {
      openSettled: async ({ settlement }) => {
        const { payment_id, activities } = fake;
        const opening = await activities[TaskQueue.recovery].resumeRecovery({ payment_id });
        const closed = 'recovery' in opening && opening.recovery.state === 'paid_elsewhere';
        return closed ? { ...opening, second: `settled:${settlement.gateway_payment_ref}` } : opening;
      },
    },
  });
  const { payment_id, customer_id } = fake;
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.charges).toHaveLength(1));
  for (const gateway_payment_ref of ['pi_1', 'pi_2']) {
    const ids = { event_id: randomUUID(), payment_id, customer_id };
    const settled_at = new Date().toISOString();
    await handle.signal('paymentSettled', { ...ids, settled_at, gateway_payment_ref });
  }
  answer();
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere' });
  expect(fake.seen).toMatchObject({ charges: ['card-a:1'], refunds: ['settled:pi_2'] });
});
