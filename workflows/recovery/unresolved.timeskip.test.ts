import { expect, test, vi } from 'vitest';
import { recoveryWorkflowId, TaskQueue } from '../../domain/workflow-contracts.ts';
import type { ChargeOutcome } from '../../domain/recovery/state.ts';
import { createTestRig, eventually } from '../../test/rig/index.ts';
import { crash, DAY, HOUR, report, statusOf, fakeRecovery } from './recovery-workflow-fixtures.ts';

vi.setConfig({ testTimeout: 60_000 });

test('a charge that stays unresolved is polled on the whole schedule, and then an operator resolves it', async () => {
  const fake = fakeRecovery({
    charge: (method) => (method === 'card-a' ? crash() : { result: 'approved', gateway_ref: 'pi_1' }),
  });
  const rig = await createTestRig({ activities: fake.activities });
  const began = await rig.now();
  const handle = await report(rig, fake);
  await rig.sleep(6 * DAY);
  await eventually(() => expect(fake.seen.reviews).toEqual(['attempt_unknown']));
  expect(fake.seen.asked).toHaveLength(8);
  expect(fake.seen).toMatchObject({ charges: ['card-a:1'], notices: [] });
  expect(await statusOf(rig, fake.payment_id)).toMatchObject({
    state: 'needs_review',
    waiting_for: 'review',
    attempts: [{ state: 'unknown' }],
  });
  expect((await rig.now()) - began).toBeGreaterThanOrEqual(5 * DAY);
  const status = await handle.executeUpdate('resolveUnknown', {
    args: [
      {
        attempt_key: `recovery:${fake.payment_id}:card-a:1`,
        result: 'declined',
        actor: 'ops',
        evidence: 'bank letter',
      },
    ],
  });
  expect(status).toMatchObject({
    attempts: [{ key: `recovery:${fake.payment_id}:card-a:1`, state: 'declined' }],
  });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-b' });
  expect(fake.seen.charges).toEqual(['card-a:1', 'card-b:1']);
});

test.each<[string, ChargeOutcome, 'approved' | 'declined', string, string]>([
  [
    'declined, but the charge succeeded,',
    { result: 'approved', gateway_ref: 'pi_1' },
    'declined',
    'was approved',
    'card-a',
  ],
  [
    'approved, but the charge was declined,',
    { result: 'declined', codes: {} },
    'approved',
    'was declined',
    'card-b',
  ],
  [
    'approved, but nothing was charged,',
    { result: 'not_sent', reason: 'no charge' },
    'approved',
    'was never charged',
    'card-a',
  ],
])(
  'an operator’s resolution as %s is refused, and the gateway’s outcome counts',
  async (_, found, result, message, charged) => {
    let outcome: ChargeOutcome = { result: 'unknown', reason: 'no response' };
    const fake = fakeRecovery({
      charge: (method, n) =>
        method === 'card-a' && n === 1 ? crash() : { result: 'approved', gateway_ref: 'pi_1' },
      resolveCharge: () => outcome,
    });
    const rig = await createTestRig({ activities: fake.activities });
    const handle = await report(rig, fake);
    await rig.sleep(6 * DAY);
    await eventually(() => expect(fake.seen.reviews).toEqual(['attempt_unknown']));
    outcome = found;
    const resolution = {
      attempt_key: `recovery:${fake.payment_id}:card-a:1`,
      ...{ result, actor: 'ops', evidence: 'bank letter' },
    };
    await expect(handle.executeUpdate('resolveUnknown', { args: [resolution] })).rejects.toMatchObject({
      cause: { message: expect.stringContaining(message) },
    });
    expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: charged });
  },
);

test.each<[string, ChargeOutcome, string[], string]>([
  ['was charged', { result: 'approved', gateway_ref: 'pi_1' }, ['card-a:1'], 'card-a'],
  ['was declined', { result: 'declined', codes: {} }, ['card-a:1', 'card-b:1'], 'card-b'],
  ['never arrived', { result: 'not_sent', reason: 'no charge' }, ['card-a:1', 'card-a:2'], 'card-a'],
])('a charge with a lost response that %s is resolved immediately', async (_, found, charges, charged) => {
  const fake = fakeRecovery({
    charge: (method, n) =>
      method === 'card-a' && n === 1 ? crash() : { result: 'approved', gateway_ref: 'pi_1' },
    resolveCharge: () => found,
  });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: charged });
  expect(fake.seen).toMatchObject({ charges, notices: ['recovered'], reviews: [], clocks: [] });
  expect(fake.seen.asked).toHaveLength(1);
});

test('a charge that no worker picks up within its claim was not sent, and is claimed again shortly after', async () => {
  const fake = fakeRecovery();
  const { [TaskQueue.gateway]: gateway, ...others } = fake.activities;
  const rig = await createTestRig({ activities: others });
  const handle = await report(rig, fake);
  await rig.sleep(16_000);
  await eventually(async () =>
    expect(await statusOf(rig, fake.payment_id)).toMatchObject({
      attempts: [{ n: 1, state: 'void' }],
      next: { action: 'charge', payment_method_id: 'card-a' },
    }),
  );
  await rig.startWorkers({ [TaskQueue.gateway]: gateway });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
  expect(fake.seen.charges).toEqual(['card-a:2']);
});

test('a payment that the gateway does not have counts as not charged only after two reads an hour apart', async () => {
  const looks: number[] = [];
  const fake = fakeRecovery({
    charge: (_, n) => (n === 1 ? crash() : { result: 'approved', gateway_ref: 'pi_1' }),
    resolveCharge: () => ({ result: 'absent' }),
  });
  const rig = await createTestRig({ activities: fake.activities });
  const began = await rig.now();
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
  looks.push((await rig.now()) - began);
  expect(fake.seen.charges).toEqual(['card-a:1', 'card-a:2']);
  expect(looks[0]).toBeGreaterThanOrEqual(2 * HOUR);
});

test('while a debit is pending no other card is charged, and a webhook ends the wait', async () => {
  let settled = false;
  const fake = fakeRecovery({
    charge: () => ({ result: 'pending', gateway_ref: 'pi_1' }),
    resolveCharge: () =>
      settled ? { result: 'approved', gateway_ref: 'pi_1' } : { result: 'pending', gateway_ref: 'pi_1' },
  });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await rig.sleep(3 * DAY);
  expect(await statusOf(rig, fake.payment_id)).toMatchObject({ state: 'pending', next: { action: 'poll' } });
  expect(fake.seen).toMatchObject({ charges: ['card-a:1'], notices: [], clocks: ['stopped'] });
  settled = true;
  const asked = fake.seen.asked.length;
  await handle.signal('chargeResult', { event_id: 'evt_1', gateway_ref: 'pi_1', result: 'approved' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
  expect(fake.seen.asked.length).toBe(asked + 1);
});

test('the clock is stopped while a charge is unresolved', async () => {
  const fake = fakeRecovery({
    alternatives: ['card-a'],
    charge: () => ({ result: 'pending', gateway_ref: 'pi_1' }),
    resolveCharge: (asked) =>
      asked < 8 ? { result: 'pending', gateway_ref: 'pi_1' } : { result: 'declined', codes: {} },
  });
  const rig = await createTestRig({ activities: fake.activities });
  const began = await rig.now();
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'exhausted' });
  expect((await rig.now()) - began).toBeGreaterThanOrEqual(20 * DAY);
  expect(fake.seen.clocks).toEqual(['stopped', 'running']);
});

test('a second success found after the end is refunded, and the customer is notified', async () => {
  let late = false;
  const fake = fakeRecovery({
    charge: (method) =>
      method === 'card-a' ? { result: 'declined', codes: {} } : { result: 'approved', gateway_ref: 'pi_1' },
    resolveCharge: () =>
      late ? { result: 'approved', gateway_ref: 'pi_1' } : { result: 'declined', codes: {} },
  });
  const rig = await createTestRig({ activities: fake.activities });
  await (await report(rig, fake)).result();
  late = true;
  const key = `recovery:${fake.payment_id}:card-a:1`;
  const run = await rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(fake.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: fake.payment_id }],
    signal: 'chargeResult',
    signalArgs: [{ event_id: 'evt_2', gateway_ref: 'pi_1', attempt_key: key, result: 'approved' }],
  });
  expect(await run.result()).toMatchObject({ outcome: 'recovered' });
  expect(fake.seen).toMatchObject({ refunds: [key], notices: ['recovered', 'refund_issued'] });
});

test.each([
  ['refused', { refunded: false, reason: 'no money', next_at: '2026-11-23T00:00:00.000Z' } as const],
  ['waiting for an unavailable gateway', undefined],
])('a refund that is %s does not delay the run, and no notice of it is sent', async (_, outcome) => {
  let tries = 0;
  const fake = fakeRecovery({
    charge: () => ({ result: 'unknown', reason: 'timeout' }),
    resolveCharge: () => ({ result: 'approved', gateway_ref: 'pi_1' }),
    overrides: {
      async refundCharge() {
        tries++;
        return outcome ?? crash();
      },
      recordAttempt: async ({ key, answer }) => ({
        attempt: {
          ...{ n: 1, payment_method_id: 'card-a', key, started_at: new Date().toISOString() },
          state: answer.result === 'approved' ? 'approved' : 'unknown',
        },
        obligation_state: 'paid_elsewhere',
        overpaid: answer.result === 'approved',
        notify_chimera: false,
      }),
      claimAttempt: async ({ payment_id }) => ({
        result: 'already_paid',
        obligation: {
          ...{ payment_id, customer_id: 'c' },
          ...{ outcome: 'paid_elsewhere', rule: 'settled', attempts: [] },
        },
      }),
    },
  });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere' });
  expect(fake.seen.notices).toEqual([]);
  // After a few minutes, the due refund is left to the sweep.
  expect(tries).toBeLessThan(20);
});

test('a resumed run resolves the charge of a lost run, and charges nothing twice', async () => {
  const fake = fakeRecovery({
    charge: () => new Promise(() => {}),
    resolveCharge: () => ({ result: 'approved', gateway_ref: 'pi_1' }),
  });
  const rig = await createTestRig({
    activities: { [TaskQueue.recovery]: fake.activities[TaskQueue.recovery] },
  });
  const lost = await report(rig, fake);
  await eventually(async () => expect((await statusOf(rig, fake.payment_id)).attempts).toHaveLength(1));
  await lost.terminate('lost');
  const second = await createTestRig({ activities: fake.activities });
  const handle = await second.client.workflow.start('recoverPayment', {
    workflowId: recoveryWorkflowId(fake.payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id: fake.payment_id, resume: true }],
  });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
  expect(fake.seen).toMatchObject({ charges: [], notices: ['recovered'] });
});

test('a charge that was never sent is claimed again with the next attempt number', async () => {
  const fake = fakeRecovery({
    charge: (_, n) =>
      n > 1
        ? { result: 'approved', gateway_ref: 'pi_1' }
        : { result: 'not_sent', reason: 'connection refused' },
  });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
  expect(fake.seen.charges).toEqual(['card-a:1', 'card-a:2']);
});

test('a recovery that is blocked by another one continues when the claim is freed', async () => {
  let free = false;
  const fake = fakeRecovery({
    claim: () => (free ? undefined : { result: 'blocked', by: 'invoice-other', since: 0, what: 'customer' }),
  });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(async () => {
    expect(await statusOf(rig, fake.payment_id)).toMatchObject({ state: 'waiting', waiting_for: 'claim' });
  });
  free = true;
  await handle.signal('claimFreed', {});
  await eventually(() => expect(fake.seen.charges).toEqual(['card-a:1']));
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
});
