/** What a run begins with when not every message is valid, and which accepted reports it forgets. */

import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test, vi } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import { recoveryWorkflowId, TaskQueue } from '../../domain/processes.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import { createTestRig, eventually, type TestRig } from '../../test/rig/index.ts';
import { DAY, failureOf, HOUR, MINUTE, report, world } from './testing.ts';

vi.setConfig({ testTimeout: 60_000 });

type Place = ReturnType<typeof world>;

const REFUSED: Opening = {
  result: 'refused',
  type: 'customer_not_found',
  problems: [{ field: 'customer_id', message: 'is unknown' }],
};
const WRONG = new PersonaError('internal', 'a statement that is wrong');
const elsewhere = { payment_id: 'invoice-of-others', customer_id: randomUUID() };

const send = (rig: TestRig, { payment_id }: Place, signal: string, payload: object) =>
  rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id }],
    signal,
    signalArgs: [payload],
  });

/** All of it is there when the run begins. */
async function begunWith(place: Place, first: [signal: string, payload: object], ...more: (typeof first)[]) {
  const rig = await createTestRig({ activities: {} });
  const handle = await send(rig, place, ...first);
  for (const message of more) await send(rig, place, ...message);
  await rig.startWorkers(place.activities);
  return handle;
}

test.each([
  ['nothing in it', () => ({})],
  ['an amount of zero', (place: Place) => ({ ...failureOf(place, Date.now()), amount: 0 })],
  ['another payment', () => failureOf(elsewhere, Date.now())],
])('a first signal with %s does not take the valid one behind it along', async (_, bad) => {
  const place = world();
  const handle = await begunWith(
    place,
    ['paymentFailed', bad(place)],
    ['paymentFailed', failureOf(place, Date.now())],
  );
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
});

test('nor does a failure that the graph refuses, also where the valid one comes only meanwhile', async () => {
  let rig: TestRig;
  const place = world({
    async opening(fresh) {
      if (fresh.recovery.amount !== 1) return fresh;
      await send(rig, place, 'paymentFailed', failureOf(place, Date.now()));
      return REFUSED;
    },
  });
  rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place, { amount: 1 });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
});

test('nor does one that cannot be opened for good, whose report stays', async () => {
  const place = world({
    opening(fresh) {
      if (fresh.recovery.amount === 1) throw WRONG;
      return fresh;
    },
  });
  const failure = failureOf(place, Date.now());
  const handle = await begunWith(
    place,
    ['paymentFailed', { ...failure, event_id: randomUUID(), amount: 1 }],
    ['paymentFailed', failure],
  );
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
  expect(place.seen.written).toEqual([]);
});

test('with nothing valid the first refusal fails the run, and what edges kept of the refused ones is forgotten', async () => {
  const place = world();
  const { payment_id } = place;
  const handle = await begunWith(
    place,
    ['paymentFailed', { event_id: 'first', payment_id }],
    ['paymentSettled', { event_id: 'second', payment_id }],
  );
  await expect(handle.result()).rejects.toMatchObject({
    cause: { type: 'InvalidPaymentFailed', message: expect.stringMatching(/^paymentFailed: .*amount: /) },
  });
  expect(place.seen.written).toEqual(['payment_failed:first', 'payment_settled:second']);
});

test('a bad message behind a payment that is settled changes nothing about its outcome', async () => {
  const place = world();
  const { payment_id, customer_id } = place;
  const settled = { event_id: 'good', payment_id, customer_id, settled_at: new Date().toISOString() };
  const handle = await begunWith(
    place,
    ['paymentSettled', settled],
    ['paymentFailed', { event_id: 'bad', payment_id }],
  );
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere' });
  expect(place.seen.written).toEqual(['payment_failed:bad']);
});

test('a later message that cannot be taken in for good leaves the recovery under way', async () => {
  const place = world({
    alternatives: [],
    opening(fresh, claimFirst) {
      if (!claimFirst) throw WRONG;
      return fresh;
    },
  });
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(place.seen.notices).toEqual(['no_alternative']));
  await handle.signal('paymentFailed', failureOf(place, Date.now()));
  await handle.signal('paymentMethodAdded', { event_id: randomUUID(), payment_method_id: 'card-new' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-new' });
});

test('a settlement is forgotten once the obligation is closed, a charge result once it was followed', async () => {
  const place = world({ alternatives: [] });
  const { payment_id, customer_id, seen } = place;
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(seen.notices).toEqual(['no_alternative']));
  await handle.signal('chargeResult', {
    event_id: 'evt',
    payment_id,
    gateway_ref: 'pi_1',
    result: 'declined',
  });
  await eventually(() => expect(seen.written).toEqual(['charge_result:evt']));
  const settled = { event_id: 'settled', payment_id, customer_id, settled_at: new Date().toISOString() };
  await handle.signal('paymentSettled', settled);
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere' });
  expect(seen.written).toEqual(['charge_result:evt', 'closed', 'payment_settled:settled']);
});

test('a charge result is kept until the gateway has answered about it', async () => {
  const place = world({
    alternatives: ['card-a'],
    charge: () => ({ result: 'declined', codes: {} }),
    findOut: (asked) =>
      asked < 3 ? { result: 'unknown', reason: 'no answer' } : { result: 'declined', codes: {} },
  });
  const { payment_id, seen } = place;
  const rig = await createTestRig({ activities: place.activities });
  const handle = await report(rig, place);
  await eventually(() => expect(seen.notices).toEqual(['all_declined']));
  const attempt_key = `recovery:${payment_id}:card-a:1`;
  const result = { event_id: 'evt', payment_id, attempt_key, gateway_ref: 'pi_1', result: 'approved' };
  await handle.signal('chargeResult', result);
  await eventually(() => expect(seen.asked).toHaveLength(1));
  await rig.sleep(6 * MINUTE);
  await eventually(() => expect(seen.asked).toHaveLength(2));
  expect(seen.written).toEqual([]);
  await rig.sleep(2 * HOUR);
  await eventually(() => expect(seen.written).toEqual(['charge_result:evt']));
  expect(seen.asked).toHaveLength(3);
  await handle.signal('cancel', { actor: 'ops', reason: 'the test is over' });
  expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
});

test('a run that is taken up again of a payment that is unknown takes in what comes behind it', async () => {
  const place = world({ spoiled: { resumeRecovery: async () => ({ result: 'ignored' }) } });
  const { payment_id } = place;
  const rig = await createTestRig({ activities: {} });
  const handle = await rig.client.workflow.start('recoverPayment', {
    workflowId: recoveryWorkflowId(payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id, resume: true }],
  });
  await handle.signal('paymentFailed', failureOf(place, Date.now()));
  await rig.startWorkers(place.activities);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
});

test('an outage that outlasts a month delays the opening, and nothing more', async () => {
  let tries = 0;
  const place = world({
    opening(fresh) {
      if (++tries > 1) return fresh;
      throw ApplicationFailure.create({ message: 'Neo4j is away', nextRetryDelay: 40 * DAY });
    },
  });
  const rig = await createTestRig({ activities: place.activities });
  expect(await (await report(rig, place)).result()).toMatchObject({ outcome: 'recovered' });
});
