import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { OnboardingRequest } from '../domain/onboarding.ts';
import {
  type CustomerReady,
  type OnboardCustomerInput,
  onboardingWorkflowId,
  TaskQueue,
} from '../domain/processes.ts';
import { onboardCustomer } from '../temporal/starts.ts';
import { createTestRig, eventually, type TestRig } from '../test/rig/index.ts';
import type { OnboardingActivities, ProfileActivities } from './onboard-customer.ts';
import type { Attachment, GatewayMethodActivities, VerificationActivities } from './verify-method.ts';

type Activities = OnboardingActivities & ProfileActivities & GatewayMethodActivities & VerificationActivities;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A small world in which the activities of an onboarding leave their traces; each test spoils what it needs to. */
function world(spoiled: Partial<Activities> = {}) {
  const customer_id = randomUUID();
  const payment_method_id = randomUUID();
  const seen = {
    status: 'unverified' as string,
    profile: undefined as string | undefined,
    calls: [] as string[],
  };
  const activities: Activities = {
    async onboard({ request }) {
      const method = request.payment_method_details && {
        payment_method_id,
        payment_method_status: 'unverified' as const,
      };
      const match = { rule: 'none' as const, proven: true, suggested_customer_ids: [] };
      const ready = { customer_id, created: true, version: 5, match, warnings: [], ...method };
      return { ready: { ...ready, request_hash: `hash of ${request.transaction_id}` }, verify_wait_ms: 200 };
    },
    async attachPaymentMethod({ token }) {
      return attached(token);
    },
    async recordVerification({ attachment }) {
      if (attachment.result === 'refused') {
        seen.status = 'failed';
        return { payment_method_status: 'failed', version: 7, refused: 'payment_method_declined' };
      }
      seen.status = 'active';
      return { payment_method_status: 'active', version: 7 };
    },
    async initiateBehavioralProfile({ snapshot }) {
      return { baseline_data_ref: `baseline of ${snapshot}` };
    },
    async linkBehavioralProfile({ baseline_data_ref }) {
      seen.profile = baseline_data_ref;
    },
    ...spoiled,
  };
  for (const [name, activity] of Object.entries(activities)) {
    activities[name as keyof Activities] = (async (input: never) => {
      seen.calls.push(name);
      return await (activity as (input: never) => unknown)(input);
    }) as never;
  }
  return { customer_id, payment_method_id, seen, activities };
}

function attached(token: string): Attachment {
  return {
    result: 'attached',
    gateway_customer_ref: 'cus_1',
    method: { token, type: 'card', last_four: '4242' },
  };
}

function request(changes: Partial<OnboardingRequest> = {}): OnboardingRequest {
  return {
    transaction_id: randomUUID(),
    payment_method_details: { type: 'card', token: 'pm_card_visa' },
    occurred_at: '2026-01-31T10:00:00Z',
    ...changes,
  };
}

async function ask(rig: TestRig, body: unknown): Promise<CustomerReady> {
  const input = {
    request: body as OnboardingRequest,
    caller: 'checkout',
    actor: 'checkout',
    correlation_id: 'c-1',
  };
  return await onboardCustomer(rig.client, input, { deadline: new Date(Date.now() + 10_000) });
}

async function resultOf(rig: TestRig, { transaction_id }: OnboardingRequest): Promise<CustomerReady> {
  return await rig.client.workflow.getHandle(onboardingWorkflowId(transaction_id)).result();
}

/** Fails like an outside system that is away until that moment of the server's time. */
function awayUntil(
  rig: () => TestRig,
  moment: () => number,
  type: 'gateway_unavailable' | 'chimera_unavailable',
) {
  return async () => {
    if ((await rig().now()) < moment()) throw new PersonaError(type, `away`);
  };
}

/**
 * An activity that may take seven days ends with the last try inside of them: Temporal does not wait for a retry that
 * would begin after its bound. The interval between two tries has grown to ten minutes by then. Read from the execution,
 * as the server's clock may be skipped on behind its end.
 */
async function expectAWeek(rig: TestRig, { transaction_id }: OnboardingRequest): Promise<void> {
  const { startTime, closeTime } = await rig.client.workflow
    .getHandle(onboardingWorkflowId(transaction_id))
    .describe();
  const elapsed = Number(closeTime) - Number(startTime);
  expect(elapsed).toBeGreaterThan(7 * DAY - 10 * MINUTE);
  expect(elapsed).toBeLessThan(7 * DAY + 10 * MINUTE);
}

test('answers with the verified method when the gateway is there', async () => {
  const { activities, customer_id, payment_method_id } = world();
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
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

test('answers as soon as the graph is written when there is no method', async () => {
  const { activities, customer_id, seen } = world();
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const body = request({ payment_method_details: undefined });

  expect(await ask(rig, body)).toMatchObject({ customer_id, version: 5 });
  await resultOf(rig, body);
  expect(seen.calls).toEqual(['onboard']);
});

test('answers after verifyWait while the gateway is away, and verifies hours later', async () => {
  let rig: TestRig;
  let back = 0;
  const away = awayUntil(
    () => rig,
    () => back,
    'gateway_unavailable',
  );
  const { activities, seen } = world({
    async attachPaymentMethod({ token }) {
      await away();
      return attached(token);
    },
  });
  rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  back = (await rig.now()) + 5 * HOUR;
  const body = request();

  expect(await ask(rig, body)).toMatchObject({ payment_method_status: 'unverified', version: 5 });
  expect(await resultOf(rig, body)).toMatchObject({ payment_method_status: 'active', version: 7 });
  expect(await rig.now()).toBeGreaterThan(back);
  expect(seen.status).toBe('active');
});

test('leaves the method unverified when the gateway is away for more than a week', async () => {
  const { activities, seen } = world({
    async attachPaymentMethod() {
      throw new PersonaError('gateway_unavailable', 'away');
    },
  });
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const body = request();

  await ask(rig, body);
  expect(await resultOf(rig, body)).toMatchObject({ payment_method_status: 'unverified' });
  await expectAWeek(rig, body);
  expect(seen.status).toBe('unverified');
});

test('says in a warning that the gateway refused the method; the customer is onboarded', async () => {
  const { activities, customer_id } = world({
    async attachPaymentMethod() {
      return { result: 'refused', reason: 'declined', codes: {}, gateway_customer_ref: 'cus_1' };
    },
  });
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const body = request();

  expect(await ask(rig, body)).toMatchObject({
    customer_id,
    payment_method_status: 'failed',
    warnings: ['payment_method_declined'],
  });
  await resultOf(rig, body);
});

test('says in a warning that the token which the gateway gave it is another customer’s', async () => {
  const { activities } = world({
    async recordVerification() {
      return { payment_method_status: 'failed', version: 7, refused: 'token_belongs_to_other_customer' };
    },
  });
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });

  expect(await ask(rig, request())).toMatchObject({
    payment_method_status: 'failed',
    warnings: ['token_belongs_to_other_customer'],
  });
});

test('does not ask the gateway about a method that is active already', async () => {
  const { activities, payment_method_id, seen } = world();
  const { onboard } = activities;
  activities.onboard = async (input) => {
    const { ready, verify_wait_ms } = await onboard(input);
    return { ready: { ...ready, payment_method_id, payment_method_status: 'active' }, verify_wait_ms };
  };
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const body = request();

  expect(await ask(rig, body)).toMatchObject({ payment_method_status: 'active' });
  await resultOf(rig, body);
  expect(seen.calls).toEqual(['onboard']);
});

test('Chimera away for six days delays no answer and still gets its snapshot', async () => {
  let rig: TestRig;
  let back = 0;
  const away = awayUntil(
    () => rig,
    () => back,
    'chimera_unavailable',
  );
  const { activities, seen } = world({
    async initiateBehavioralProfile({ snapshot }) {
      await away();
      return { baseline_data_ref: `baseline of ${snapshot}` };
    },
  });
  rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  back = (await rig.now()) + 6 * DAY;
  const body = request({ behavioral_data_snapshot: 'typing' });

  expect(await ask(rig, body)).toMatchObject({ payment_method_status: 'active' });
  expect(seen.profile).toBeUndefined();
  await resultOf(rig, body);
  expect(seen.profile).toBe('baseline of typing');
  expect(await rig.now()).toBeGreaterThan(back);
});

test('Chimera away for more than 7 days: the customer is onboarded without a profile', async () => {
  const { activities, customer_id, seen } = world({
    async initiateBehavioralProfile() {
      throw new PersonaError('chimera_unavailable', 'away');
    },
  });
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const body = request({ behavioral_data_snapshot: 'typing' });

  expect(await ask(rig, body)).toMatchObject({ customer_id, warnings: [] });
  // What is left of it: a warning in the result, an error in the log, and the next transaction asks again.
  expect(await resultOf(rig, body)).toMatchObject({
    customer_id,
    payment_method_status: 'active',
    warnings: ['behavioral_profile_given_up'],
  });
  await expectAWeek(rig, body);
  expect(seen.profile).toBeUndefined();
});

test.each([
  ['an hour', HOUR],
  ['a day', DAY],
])('Chimera away for %s: the profile comes within ten minutes of its return', async (_, away) => {
  let rig: TestRig;
  let back = 0;
  const { activities, seen } = world({
    initiateBehavioralProfile: async ({ snapshot }) => {
      if ((await rig.now()) < back) throw new PersonaError('chimera_unavailable', 'away');
      return { baseline_data_ref: `baseline of ${snapshot}` };
    },
  });
  rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
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

test('Chimera answers, the answer is lost, and it answers again: the graph has one profile', async () => {
  const answers: string[] = [];
  const { activities, seen } = world({
    async initiateBehavioralProfile() {
      answers.push(`baseline-${answers.length}`);
      if (answers.length === 1) throw new PersonaError('chimera_unavailable', 'the answer was lost');
      return { baseline_data_ref: String(answers.at(-1)) };
    },
  });
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const body = request({ behavioral_data_snapshot: 'typing' });

  await ask(rig, body);
  expect(await resultOf(rig, body)).toMatchObject({ warnings: [] });
  expect(seen.profile).toBe('baseline-1');
  expect(seen.calls.filter((call) => call === 'linkBehavioralProfile')).toHaveLength(1);
});

test.each([
  ['the request alone', (body: OnboardingRequest) => body, 'temporal-client'],
  ['a request in our wrapper', (body: OnboardingRequest) => ({ request: body, actor: 'shop' }), 'shop'],
])('a client of its own may start it with %s', async (_, argument, actor) => {
  const { activities, customer_id } = world();
  const inputs: OnboardCustomerInput[] = [];
  const { onboard } = activities;
  activities.onboard = async (input) => {
    inputs.push(input);
    return await onboard(input);
  };
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
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
  'an input of %j fails at once, and writes nothing',
  async (args) => {
    const { activities, seen } = world();
    const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });

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

test('names every problem of a bad request and writes nothing', async () => {
  const { activities, seen } = world();
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const body = { transaction_id: randomUUID(), customer_id: 'nobody', occurred_at: 'yesterday' };

  const error = await ask(rig, body).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PersonaError);
  expect(error).toMatchObject({ type: 'invalid_argument' });
  expect((error as PersonaError).problems.map(({ field }) => field).sort()).toEqual([
    'customer_id',
    'occurred_at',
  ]);
  expect(seen.calls).toEqual([]);
});

test('hands on what the graph refuses', async () => {
  const { activities } = world({
    async onboard() {
      throw new PersonaError('idempotency_key_reused', 'used before with another body');
    },
  });
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });

  await expect(ask(rig, request())).rejects.toMatchObject({ type: 'idempotency_key_reused' });
});

test('a graph that is away for an hour loses nothing', async () => {
  let rig: TestRig;
  let back = 0;
  const { activities, customer_id, seen } = world();
  const { onboard } = activities;
  activities.onboard = async (input) => {
    seen.calls.push('onboard');
    if ((await rig.now()) < back) throw new PersonaError('graph_unavailable', 'away');
    return await onboard(input);
  };
  rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  back = (await rig.now()) + HOUR;
  const body = request();

  const answered = ask(rig, body);
  await eventually(() => expect(seen.calls).toContain('onboard'));
  await rig.sleep(HOUR + 60_000);
  expect(await answered).toMatchObject({ customer_id, payment_method_status: 'active' });
  await resultOf(rig, body);
});
