/** Which inputs start an onboarding, and which are refused. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { OnboardingRequest } from '../domain/onboarding.ts';
import { type OnboardCustomerInput, onboardingWorkflowId, TaskQueue } from '../domain/workflow-contracts.ts';
import { ask, onboardingRig, request, fakeOnboarding } from './onboarding-fixtures.ts';

test.each([
  ['the request alone', (body: OnboardingRequest) => body, 'temporal-client'],
  ['a request in Persona’s wrapper', (body: OnboardingRequest) => ({ request: body, actor: 'shop' }), 'shop'],
])('another Temporal client may start it with %s', async (_, argument, actor) => {
  const { activities, customer_id } = fakeOnboarding();
  const inputs: OnboardCustomerInput[] = [];
  const { onboard } = activities;
  activities.onboard = async (input) => {
    inputs.push(input);
    return await onboard(input);
  };
  const rig = await onboardingRig(activities);
  const body = request();
  const workflowId = onboardingWorkflowId(body.transaction_id);

  const started = await rig.client.workflow.start('onboardCustomer', {
    workflowId,
    taskQueue: TaskQueue.onboarding,
    args: [argument(body)],
  });
  expect(await started.result()).toMatchObject({ customer_id, payment_method_status: 'active' });
  expect(inputs).toMatchObject([{ actor, correlation_id: workflowId, caller: 'temporal-client' }]);
});

test.each([[[]], [[null]], [['text']], [[{ request: 'text' }]]])(
  'an input of %j fails immediately, and nothing is written',
  async (args) => {
    const { activities, seen } = fakeOnboarding();
    const rig = await onboardingRig(activities);

    const started = await rig.client.workflow.start('onboardCustomer', {
      workflowId: onboardingWorkflowId(randomUUID()),
      taskQueue: TaskQueue.onboarding,
      args,
      workflowRunTimeout: '1 minute',
    });
    await expect(started.result()).rejects.toMatchObject({ cause: { type: 'invalid_argument' } });
    expect(seen.calls).toEqual([]);
  },
);

test('an invalid request fails with all of its problems, and nothing is written', async () => {
  const { activities, seen } = fakeOnboarding();
  const rig = await onboardingRig(activities);
  const body = { transaction_id: randomUUID(), customer_id: 'not-a-uuid', occurred_at: 'yesterday' };

  const error = await ask(rig, body).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PersonaError);
  expect(error).toMatchObject({ type: 'invalid_argument' });
  expect((error as PersonaError).problems.map(({ field }) => field).sort()).toEqual([
    'customer_id',
    'occurred_at',
  ]);
  expect(seen.calls).toEqual([]);
});

test('a refusal by the graph is passed on', async () => {
  const { activities } = fakeOnboarding({
    async onboard() {
      throw new PersonaError('idempotency_key_reused', 'used before with another body');
    },
  });
  const rig = await onboardingRig(activities);

  await expect(ask(rig, request())).rejects.toMatchObject({ type: 'idempotency_key_reused' });
});
