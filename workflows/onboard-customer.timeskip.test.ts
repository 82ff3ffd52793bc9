/** When an onboarding responds, and what happens to the payment method after that. */

import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { eventually, type TestRig } from '../test/rig/index.ts';
import {
  ask,
  attached,
  awayUntil,
  expectLastedAWeek,
  HOUR,
  onboardingRig,
  request,
  resultOf,
  SHORT_WAIT_MS,
  fakeOnboarding,
} from './onboarding-fixtures.ts';

test('responds with the verified method when the gateway is available', async () => {
  const { activities, customer_id, payment_method_id } = fakeOnboarding();
  const rig = await onboardingRig(activities);
  const body = request();

  const ready = await ask(rig, body);

  expect(ready).toMatchObject({
    customer_id,
    payment_method_id,
    payment_method_status: 'active',
    version: 7,
    warnings: [],
    request_hash: `hash of ${body.transaction_id}`,
  });
  expect(await resultOf(rig, body)).toEqual(ready);
});

test('responds as soon as the graph is written if there is no payment method', async () => {
  const { activities, customer_id, seen } = fakeOnboarding();
  const rig = await onboardingRig(activities);
  const body = request({ payment_method_details: undefined });

  expect(await ask(rig, body)).toMatchObject({ customer_id, version: 5 });
  await resultOf(rig, body);
  expect(seen.calls).toEqual(['onboard']);
});

test('responds after verifyWait while the gateway is unavailable, and verifies hours later', async () => {
  let rig: TestRig;
  let back = 0;
  const away = awayUntil(
    () => rig,
    () => back,
    'gateway_unavailable',
  );
  const { activities, seen } = fakeOnboarding(
    {
      async attachPaymentMethod({ token }) {
        await away();
        return attached(token);
      },
    },
    SHORT_WAIT_MS,
  );
  rig = await onboardingRig(activities);
  back = (await rig.now()) + 5 * HOUR;
  const body = request();

  expect(await ask(rig, body)).toMatchObject({ payment_method_status: 'unverified', version: 5 });
  expect(await resultOf(rig, body)).toMatchObject({ payment_method_status: 'active', version: 7 });
  expect(await rig.now()).toBeGreaterThan(back);
  expect(seen.status).toBe('active');
});

test('leaves the method unverified if the gateway is unavailable for more than a week', async () => {
  const { activities, seen } = fakeOnboarding(
    {
      async attachPaymentMethod() {
        throw new PersonaError('gateway_unavailable', 'unavailable');
      },
    },
    SHORT_WAIT_MS,
  );
  const rig = await onboardingRig(activities);
  const body = request();

  await ask(rig, body);
  expect(await resultOf(rig, body)).toMatchObject({ payment_method_status: 'unverified' });
  await expectLastedAWeek(rig, body);
  expect(seen.status).toBe('unverified');
});

test('a method that the gateway refuses is reported as a warning, and the customer is onboarded', async () => {
  const { activities, customer_id } = fakeOnboarding({
    async attachPaymentMethod() {
      return { result: 'refused', reason: 'declined', codes: {}, gateway_customer_ref: 'cus_1' };
    },
  });
  const rig = await onboardingRig(activities);
  const body = request();

  expect(await ask(rig, body)).toMatchObject({
    customer_id,
    payment_method_status: 'failed',
    warnings: ['payment_method_declined'],
  });
  await resultOf(rig, body);
});

test('a token that belongs to another customer at the gateway is reported as a warning', async () => {
  const { activities } = fakeOnboarding({
    async recordVerification() {
      return { payment_method_status: 'failed', version: 7, refused: 'token_belongs_to_other_customer' };
    },
  });
  const rig = await onboardingRig(activities);

  expect(await ask(rig, request())).toMatchObject({
    payment_method_status: 'failed',
    warnings: ['token_belongs_to_other_customer'],
  });
});

test('the gateway is not called for a method that is already active', async () => {
  const { activities, payment_method_id, seen } = fakeOnboarding();
  const { onboard } = activities;
  activities.onboard = async (input) => {
    const { ready, verify_wait_ms } = await onboard(input);
    return { ready: { ...ready, payment_method_id, payment_method_status: 'active' }, verify_wait_ms };
  };
  const rig = await onboardingRig(activities);
  const body = request();

  expect(await ask(rig, body)).toMatchObject({ payment_method_status: 'active' });
  await resultOf(rig, body);
  expect(seen.calls).toEqual(['onboard']);
});

test('an onboarding survives an outage of the graph of an hour', async () => {
  let rig: TestRig;
  let back = 0;
  const { activities, customer_id, seen } = fakeOnboarding();
  const { onboard } = activities;
  activities.onboard = async (input) => {
    seen.calls.push('onboard');
    if ((await rig.now()) < back) throw new PersonaError('graph_unavailable', 'unavailable');
    return await onboard(input);
  };
  rig = await onboardingRig(activities);
  back = (await rig.now()) + HOUR;
  const body = request();

  const answered = ask(rig, body);
  await eventually(() => expect(seen.calls).toContain('onboard'));
  await rig.sleep(HOUR + 60_000);
  expect(await answered).toMatchObject({ customer_id, payment_method_status: 'active' });
  await resultOf(rig, body);
});
