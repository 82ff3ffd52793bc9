/** The behavioural profile when Chimera is unavailable, or its response is lost. */

import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { onboardingWorkflowId } from '../domain/workflow-contracts.ts';
import type { TestRig } from '../test/rig/index.ts';
import {
  ask,
  awayUntil,
  DAY,
  expectLastedAWeek,
  HOUR,
  MINUTE,
  onboardingRig,
  request,
  resultOf,
  fakeOnboarding,
} from './onboarding-fixtures.ts';

test('an outage of Chimera of six days does not delay the response, and Chimera still gets the snapshot', async () => {
  let rig: TestRig;
  let back = 0;
  const away = awayUntil(
    () => rig,
    () => back,
    'chimera_unavailable',
  );
  const { activities, seen } = fakeOnboarding({
    async initiateBehavioralProfile({ snapshot }) {
      await away();
      return { baseline_data_ref: `baseline of ${snapshot}` };
    },
  });
  rig = await onboardingRig(activities);
  back = (await rig.now()) + 6 * DAY;
  const body = request({ behavioral_data_snapshot: 'typing' });

  expect(await ask(rig, body)).toMatchObject({ payment_method_status: 'active' });
  expect(seen.profile).toBeUndefined();
  await resultOf(rig, body);
  expect(seen.profile).toBe('baseline of typing');
  expect(await rig.now()).toBeGreaterThan(back);
});

test('after seven days without Chimera, the customer is onboarded without a profile', async () => {
  const { activities, customer_id, seen } = fakeOnboarding({
    async initiateBehavioralProfile() {
      throw new PersonaError('chimera_unavailable', 'unavailable');
    },
  });
  const rig = await onboardingRig(activities);
  const body = request({ behavioral_data_snapshot: 'typing' });

  expect(await ask(rig, body)).toMatchObject({ customer_id, warnings: [] });
  // What remains is a warning in the result and an error in the log; the next transaction tries again.
  expect(await resultOf(rig, body)).toMatchObject({
    customer_id,
    payment_method_status: 'active',
    warnings: ['behavioral_profile_given_up'],
  });
  await expectLastedAWeek(rig, body);
  expect(seen.profile).toBeUndefined();
});

test.each([
  ['an hour', HOUR],
  ['a day', DAY],
])('after an outage of Chimera of %s, the profile is created within ten minutes', async (_, away) => {
  let rig: TestRig;
  let back = 0;
  const { activities, seen } = fakeOnboarding({
    initiateBehavioralProfile: async ({ snapshot }) => {
      if ((await rig.now()) < back) throw new PersonaError('chimera_unavailable', 'unavailable');
      return { baseline_data_ref: `baseline of ${snapshot}` };
    },
  });
  rig = await onboardingRig(activities);
  back = (await rig.now()) + away;
  const body = request({ behavioral_data_snapshot: 'typing' });

  expect(await ask(rig, body)).toMatchObject({ payment_method_status: 'active' });
  expect(await resultOf(rig, body)).toMatchObject({ warnings: [] });
  const { closeTime } = await rig.client.workflow
    .getHandle(onboardingWorkflowId(body.transaction_id))
    .describe();
  expect(Number(closeTime)).toBeGreaterThanOrEqual(back);
  expect(Number(closeTime)).toBeLessThan(back + 11 * MINUTE);
  expect(seen.profile).toBe('baseline of typing');
});

test('a lost response of Chimera is requested again, and the graph has one profile', async () => {
  const answers: string[] = [];
  const { activities, seen } = fakeOnboarding({
    async initiateBehavioralProfile() {
      answers.push(`baseline-${answers.length}`);
      if (answers.length === 1) throw new PersonaError('chimera_unavailable', 'the response was lost');
      return { baseline_data_ref: String(answers.at(-1)) };
    },
  });
  const rig = await onboardingRig(activities);
  const body = request({ behavioral_data_snapshot: 'typing' });

  await ask(rig, body);
  expect(await resultOf(rig, body)).toMatchObject({ warnings: [] });
  expect(seen.profile).toBe('baseline-1');
  expect(seen.calls.filter((call) => call === 'linkBehavioralProfile')).toHaveLength(1);
});
