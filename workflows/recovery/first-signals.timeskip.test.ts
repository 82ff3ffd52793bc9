/** What a run starts with if some messages are invalid, and which accepted reports it deletes. */

import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test, vi } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import { recoveryWorkflowId, TaskQueue } from '../../domain/workflow-contracts.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import { createTestRig, eventually, type TestRig } from '../../test/rig/index.ts';
import { DAY, failureOf, HOUR, MINUTE, report, fakeRecovery } from './recovery-workflow-fixtures.ts';

vi.setConfig({ testTimeout: 60_000 });

type FakeRecovery = ReturnType<typeof fakeRecovery>;

const REFUSED: Opening = {
  result: 'refused',
  type: 'customer_not_found',
  problems: [{ field: 'customer_id', message: 'is unknown' }],
};
const INTERNAL_ERROR = new PersonaError('internal', 'an invalid statement');
const otherPayment = { payment_id: 'invoice-of-others', customer_id: randomUUID() };

const send = (rig: TestRig, { payment_id }: FakeRecovery, signal: string, payload: object) =>
  rig.client.workflow.signalWithStart('recoverPayment', {
    workflowId: recoveryWorkflowId(payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id }],
    signal,
    signalArgs: [payload],
  });

/** All messages have arrived before the run starts. */
async function startWith(
  fake: FakeRecovery,
  first: [signal: string, payload: object],
  ...more: (typeof first)[]
) {
  const rig = await createTestRig({ activities: {} });
  const handle = await send(rig, fake, ...first);
  for (const message of more) await send(rig, fake, ...message);
  await rig.startWorkers(fake.activities);
  return handle;
}

test.each([
  ['empty', () => ({})],
  ['an amount of zero', (fake: FakeRecovery) => ({ ...failureOf(fake, Date.now()), amount: 0 })],
  ['another payment', () => failureOf(otherPayment, Date.now())],
])('an invalid first signal (%s) does not affect the valid one behind it', async (_, bad) => {
  const fake = fakeRecovery();
  const handle = await startWith(
    fake,
    ['paymentFailed', bad(fake)],
    ['paymentFailed', failureOf(fake, Date.now())],
  );
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-a' });
});

test('messages received before the run starts are processed in their order of arrival', async () => {
  const fake = fakeRecovery();
  const request = { actor: 'grace', reason: 'the bank called' };
  const handle = await startWith(
    fake,
    ['paymentFailed', failureOf(fake, Date.now())],
    ['resume', request],
    ['pause', request],
  );
  await eventually(async () => expect(await handle.query('status')).toMatchObject({ paused: true }));
  await handle.signal('cancel', request);
  expect(await handle.result()).toMatchObject({ outcome: 'cancelled' });
});

test('a failure that the graph refuses does not affect a valid one that arrives meanwhile', async () => {
  let rig: TestRig;
  const fake = fakeRecovery({
    async opening(fresh) {
      if (fresh.recovery.amount !== 1) return fresh;
      await send(rig, fake, 'paymentFailed', failureOf(fake, Date.now()));
      return REFUSED;
    },
  });
  rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake, { amount: 1 });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
});

test('a failure that can never be opened does not affect a valid one, and its report is kept', async () => {
  const fake = fakeRecovery({
    opening(fresh) {
      if (fresh.recovery.amount === 1) throw INTERNAL_ERROR;
      return fresh;
    },
  });
  const failure = failureOf(fake, Date.now());
  const handle = await startWith(
    fake,
    ['paymentFailed', { ...failure, event_id: randomUUID(), amount: 1 }],
    ['paymentFailed', failure],
  );
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
  expect(fake.seen.written).toEqual([]);
});

test('without a valid signal the first refusal fails the run, and the reports of refused signals are deleted', async () => {
  const fake = fakeRecovery();
  const { payment_id } = fake;
  const handle = await startWith(
    fake,
    ['paymentFailed', { event_id: 'first', payment_id }],
    ['paymentSettled', { event_id: 'second', payment_id }],
  );
  await expect(handle.result()).rejects.toMatchObject({
    cause: { type: 'InvalidPaymentFailed', message: expect.stringMatching(/^paymentFailed: .*amount: /) },
  });
  expect(fake.seen.written).toEqual(['payment_failed:first', 'payment_settled:second']);
});

test('an invalid message after a settlement does not change the outcome', async () => {
  const fake = fakeRecovery();
  const { payment_id, customer_id } = fake;
  const settled = { event_id: 'good', payment_id, customer_id, settled_at: new Date().toISOString() };
  const handle = await startWith(
    fake,
    ['paymentSettled', settled],
    ['paymentFailed', { event_id: 'bad', payment_id }],
  );
  expect(await handle.result()).toMatchObject({ outcome: 'paid_elsewhere' });
  expect(fake.seen.written).toEqual(['payment_failed:bad']);
});

test('a later message that can never be processed does not end the recovery', async () => {
  const fake = fakeRecovery({
    alternatives: [],
    opening(fresh, claimFirst) {
      if (!claimFirst) throw INTERNAL_ERROR;
      return fresh;
    },
  });
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
  await eventually(() => expect(fake.seen.notices).toEqual(['no_alternative']));
  await handle.signal('paymentFailed', failureOf(fake, Date.now()));
  await handle.signal('paymentMethodAdded', { event_id: randomUUID(), payment_method_id: 'card-new' });
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', payment_method_id: 'card-new' });
});

test('the report of a settlement is deleted after closing, that of a charge result after it was handled', async () => {
  const fake = fakeRecovery({ alternatives: [] });
  const { payment_id, customer_id, seen } = fake;
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
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

test('the report of a charge result is kept until the gateway has confirmed its outcome', async () => {
  const fake = fakeRecovery({
    alternatives: ['card-a'],
    charge: () => ({ result: 'declined', codes: {} }),
    resolveCharge: (asked) =>
      asked < 3 ? { result: 'unknown', reason: 'no answer' } : { result: 'declined', codes: {} },
  });
  const { payment_id, seen } = fake;
  const rig = await createTestRig({ activities: fake.activities });
  const handle = await report(rig, fake);
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

test('a resumed run of an unknown payment processes a failure that arrives after its start', async () => {
  const fake = fakeRecovery({ overrides: { resumeRecovery: async () => ({ result: 'ignored' }) } });
  const { payment_id } = fake;
  const rig = await createTestRig({ activities: {} });
  const handle = await rig.client.workflow.start('recoverPayment', {
    workflowId: recoveryWorkflowId(payment_id),
    taskQueue: TaskQueue.recovery,
    args: [{ payment_id, resume: true }],
  });
  await handle.signal('paymentFailed', failureOf(fake, Date.now()));
  await rig.startWorkers(fake.activities);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered' });
});

test('an outage of more than a month only delays the opening', async () => {
  let tries = 0;
  const fake = fakeRecovery({
    opening(fresh) {
      if (++tries > 1) return fresh;
      throw ApplicationFailure.create({ message: 'Neo4j is unavailable', nextRetryDelay: 40 * DAY });
    },
  });
  const rig = await createTestRig({ activities: fake.activities });
  expect(await (await report(rig, fake)).result()).toMatchObject({ outcome: 'recovered' });
});
