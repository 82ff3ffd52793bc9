import { expect, test, vi } from 'vitest';
import { recoveryWorkflowId, TaskQueue } from '../../domain/processes.ts';
import type { FoundOut } from '../../domain/recovery/state.ts';
import { createTestRig, eventually } from '../../test/rig/index.ts';
import { crash, DAY, HOUR, report, statusOf, world } from './testing.ts';

vi.setConfig({ testTimeout: 60_000 });

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
  expect(place.seen).toMatchObject({ charges, notices: ['recovered'], reviews: [], clocks: [] });
  expect(place.seen.asked).toHaveLength(1);
});

test('a charge that no worker takes while its claim lasts was not sent, and is claimed anew a little later', async () => {
  const place = world();
  const { [TaskQueue.gateway]: gateway, ...others } = place.activities;
  const rig = await createTestRig({ activities: others });
  const handle = await report(rig, place);
  await rig.sleep(16_000);
  await eventually(async () =>
    expect(await statusOf(rig, place.payment_id)).toMatchObject({
      attempts: [{ n: 1, state: 'void' }],
      next: { action: 'charge', payment_method_id: 'card-a' },
    }),
  );
  await rig.startWorkers({ [TaskQueue.gateway]: gateway });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
  expect(place.seen.charges).toEqual(['card-a:2']);
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
  expect(place.seen).toMatchObject({ charges: ['card-a:1'], notices: [], clocks: ['stands'] });
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
  expect(place.seen.clocks).toEqual(['stands', 'goes on']);
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

test.each([
  ['refused', { refunded: false, reason: 'no money', next_at: '2026-11-23T00:00:00.000Z' } as const],
  ['at a gateway that is away', undefined],
])('a refund that is %s does not hold the run, and no notice of it is sent', async (_, outcome) => {
  let tries = 0;
  const place = world({
    charge: () => ({ result: 'unknown', reason: 'timeout' }),
    findOut: () => ({ result: 'approved', gateway_ref: 'pi_1' }),
    spoiled: {
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
        tell_chimera: false,
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
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere' });
  expect(place.seen.notices).toEqual([]);
  // What is due is left to the sweep after minutes.
  expect(tries).toBeLessThan(20);
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
