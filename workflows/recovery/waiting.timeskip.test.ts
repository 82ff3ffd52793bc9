import { randomUUID } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import type { ChargeAnswer } from '../../domain/ports.ts';
import { recoveryWorkflowId, TaskQueue } from '../../domain/workflow-contracts.ts';
import { createTestRig, eventually } from '../../test/rig/index.ts';
import { DAY, FAILED, report, statusOf, fakeRecovery } from './recovery-workflow-fixtures.ts';

vi.setConfig({ testTimeout: 60_000 });

const declined = () => ({ result: 'declined', codes: {} }) as const;

test('each retry and reminder of the fourteen days happens once, and then the recovery ends', async () => {
  const fake = fakeRecovery({ alternatives: [], charge: declined });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'exhausted', attempts: 4 });
  expect(fake.seen).toMatchObject({
    charges: [1, 2, 3, 4].map((n) => `${FAILED}:${n}`),
    notices: ['no_alternative', 'reminder', 'reminder', 'recovery_ended'],
  });
});

test('an approved scheduled retry ends the recovery, and the customer is notified', async () => {
  const fake = fakeRecovery({
    alternatives: [],
    charge: (_, n) => (n < 3 ? declined() : { result: 'approved', gateway_ref: 'pi_1' }),
  });
  const rig = await createTestRig({ activities: fake.activities });
  const began = await rig.now();
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: FAILED });
  expect((await rig.now()) - began).toBeGreaterThanOrEqual(5 * DAY);
  expect(fake.seen.notices).toEqual(['no_alternative', 'reminder', 'recovered']);
});

test('a method whose signal was lost is found by the next refresh', async () => {
  const added = { payment_method_id: 'card-new', changed_at: Date.now() + 365 * DAY };
  const fake = fakeRecovery({ class: 'FIX', alternatives: [], refresh: () => ({ methods: [added] }) });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-new' });
  expect(fake.seen.refreshes).toBe(1);
});

test('a method with updated details is charged immediately', async () => {
  const fake = fakeRecovery({ class: 'FIX', alternatives: [] });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await handle.signal('paymentMethodUpdated', { event_id: randomUUID(), payment_method_id: FAILED });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: FAILED });
});

test('a suspended customer is neither charged nor notified, and the recovery continues after reinstatement', async () => {
  const fake = fakeRecovery({
    alternatives: [],
    charge: declined,
    refresh: () => ({ customer_status: status }),
  });
  let status = 'suspended';
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await handle.signal('customerStatusChanged', { status });
  await rig.sleep(4 * DAY);
  expect(fake.seen).toMatchObject({ charges: [], notices: ['no_alternative'] });
  expect(await statusOf(rig, fake.payment_id)).toMatchObject({
    state: 'waiting',
    waiting_for: 'customer_status',
  });
  status = 'active';
  await handle.signal('customerStatusChanged', { status });
  await eventually(() => expect(fake.seen.charges).toEqual([`${FAILED}:1`]));
  await handle.signal('cancel', { actor: 'ops', reason: 'seen enough' });
  expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
});

test('while a customer is being erased a recovery waits, and goes on within a day if that is taken back', async () => {
  const fake = fakeRecovery({
    alternatives: [],
    charge: declined,
    refresh: () => ({ customer_status: status }),
  });
  let status = 'erasing';
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await handle.signal('customerStatusChanged', { status });
  await rig.sleep(3 * DAY);
  expect(fake.seen).toMatchObject({ charges: [], notices: ['no_alternative'] });
  expect(await statusOf(rig, fake.payment_id)).toMatchObject({ waiting_for: 'customer_status' });
  status = 'active';
  await rig.sleep(DAY);
  expect(fake.seen.charges).toEqual([`${FAILED}:1`]);
  await handle.signal('cancel', { actor: 'persona', reason: 'the customer is being erased' });
  expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
});

test('the recovery of an erased customer is cancelled without a notice', async () => {
  const fake = fakeRecovery({ class: 'FIX', alternatives: [] });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await handle.signal('customerStatusChanged', { status: 'erased' });
  expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
  expect(fake.seen.notices).toEqual(['no_alternative']);
});

test('a payment that the customer has authenticated is confirmed with the same method', async () => {
  const fake = fakeRecovery({ class: 'AUTH', alternatives: [], payment: () => 'confirmable' });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['authenticate']));
  expect(await statusOf(rig, fake.payment_id)).toMatchObject({ waiting_for: 'authentication' });
  await handle.signal('paymentAuthenticated', { event_id: randomUUID() });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: FAILED });
});

test('a settlement ends the wait, and no scheduled retry is charged', async () => {
  const fake = fakeRecovery({ alternatives: [], charge: declined });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await handle.signal('paymentSettled', {
    event_id: randomUUID(),
    payment_id: fake.payment_id,
    customer_id: fake.customer_id,
    settled_at: new Date(await rig.now()).toISOString(),
  });
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere', attempts: 0 });
  expect(fake.seen.charges).toEqual([]);
});

test('a recovery paused for a month charges nothing, and is exhausted when it is resumed', async () => {
  const fake = fakeRecovery({ alternatives: [], charge: declined });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await handle.signal('pause', { actor: 'ops', reason: 'a holiday' });
  await rig.sleep(30 * DAY);
  expect(fake.seen).toMatchObject({ charges: [], notices: ['no_alternative'] });
  await handle.signal('resume', { actor: 'ops', reason: 'back again' });
  expect(await handle.result()).toMatchObject({ outcome: 'exhausted', attempts: 0 });
});

test('a recovery under review can be found by its state', async () => {
  const fake = fakeRecovery({ class: 'CONFIG' });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.reviews).toEqual(['rule:CONFIG']));
  await eventually(async () => {
    const { searchAttributes } = await handle.describe();
    expect(searchAttributes).toMatchObject({ PersonaState: ['needs_review'] });
  });
  await handle.signal('cancel', { actor: 'ops', reason: 'nothing to do' });
  await handle.result();
});

test.each(['during the charge', 'by the run that has succeeded', 'after the run has ended'])(
  'a settlement received %s in addition to Persona’s own success is refunded',
  async (when) => {
    let handle: Awaited<ReturnType<typeof report>> | undefined;
    const fake = fakeRecovery({
      alternatives: ['card-a'],
      charge: async () => {
        if (when === 'during the charge') await handle?.signal('paymentSettled', settlement());
        return { result: 'approved', gateway_ref: 'pi_1' };
      },
    });
    const late = `settled:pi_${randomUUID()}`;
    const recoveryActivities = fake.activities[TaskQueue.recovery];
    const { resumeRecovery, deliverNotice } = recoveryActivities;
    recoveryActivities.openSettled = async () => {
      const found = await resumeRecovery({ payment_id: fake.payment_id });
      if (!('recovery' in found)) throw new Error('nothing to settle');
      return found.recovery.state === 'recovered' ? { ...found, second: late } : found;
    };
    recoveryActivities.deliverNotice = async (notice) => {
      const isCrossing = when === 'by the run that has succeeded' && notice.template === 'recovered';
      if (isCrossing) await handle?.signal('paymentSettled', settlement());
      return deliverNotice(notice);
    };
    const settlement = () => settlementOf(fake, late.slice('settled:'.length));
    const rig = await createTestRig({ activities: fake.activities });
    handle = await report(rig, fake);
    expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
    if (when === 'after the run has ended') {
      const second = await rig.client.workflow.signalWithStart('recoverPayment', {
        workflowId: recoveryWorkflowId(fake.payment_id),
        taskQueue: TaskQueue.recovery,
        args: [{ payment_id: fake.payment_id }],
        signal: 'paymentSettled',
        signalArgs: [settlement()],
      });
      expect(await second.result()).toMatchObject({ outcome: 'recovered' });
    }
    expect(fake.seen).toMatchObject({ refunds: [late], notices: ['recovered', 'refund_issued'] });
  },
);

test.each<[string, ChargeAnswer, boolean]>([
  ['an unresolved charge', { result: 'unknown', reason: 'no answer' }, false],
  ['the obligation’s own payment after an authentication', { result: 'declined', codes: {} }, true],
])('a settlement that names %s is Persona’s own success, and nothing is refunded', async (_, answer, own) => {
  let paid = false;
  const fake = fakeRecovery({
    alternatives: ['card-a'],
    charge: () => answer,
    resolveCharge: () =>
      paid ? { result: 'approved', gateway_ref: 'pi_1' } : { result: 'unknown', reason: 'no answer' },
  });
  const recoveryActivities = fake.activities[TaskQueue.recovery];
  const { openSettled, resumeRecovery } = recoveryActivities;
  recoveryActivities.openSettled = async (asked) => {
    const found = await resumeRecovery({ payment_id: fake.payment_id });
    return own && 'recovery' in found ? { ...found, own: true } : openSettled(asked);
  };
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(async () =>
    expect(await statusOf(rig, fake.payment_id)).toMatchObject({ state: own ? 'waiting' : 'unknown' }),
  );
  paid = true;
  await handle.signal('paymentSettled', settlementOf(fake, 'pi_1'));
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
  expect(fake.seen.refunds).toEqual([]);
});

function settlementOf(
  { payment_id, customer_id }: { payment_id: string; customer_id: string },
  gateway_payment_ref: string,
) {
  const settled_at = new Date().toISOString();
  return { event_id: randomUUID(), payment_id, customer_id, settled_at, gateway_payment_ref };
}
