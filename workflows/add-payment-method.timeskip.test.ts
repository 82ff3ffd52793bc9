import { createHash, randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import {
  type AddPaymentMethodInput,
  type MethodReady,
  paymentMethodWorkflowId,
  TaskQueue,
} from '../domain/workflow-contracts.ts';
import { addPaymentMethod } from '../temporal/workflow-client.ts';
import { createTestRig, type TestRig } from '../test/rig/index.ts';
import type { PaymentMethodActivities } from './add-payment-method.ts';
import type { GatewayMethodActivities, VerificationActivities } from './verify-method.ts';

type Activities = PaymentMethodActivities & GatewayMethodActivities & VerificationActivities;

const HOUR = 3_600_000;

/** How long a response waits for the gateway: enough for a busy machine, or short for a gateway that is unavailable. */
const LONG_WAIT_MS = 60_000;
const SHORT_WAIT_MS = 200;

/** Activities with a fake wallet that record their calls; each test overrides what it needs. */
function fakeActivities(overrides: Partial<Activities> = {}, verify_wait_ms = LONG_WAIT_MS) {
  const seen = { status: undefined as string | undefined, attached: [] as string[] };
  const payment_method_id = randomUUID();
  const activities: Activities = {
    async addPaymentMethod() {
      seen.status = 'unverified';
      const ready = {
        payment_method_id,
        version: 3,
        request_hash: 'hash',
        payment_method_status: 'unverified' as const,
      };
      return { ready, verify_wait_ms };
    },
    async attachPaymentMethod({ token }) {
      seen.attached.push(token);
      return { result: 'attached', gateway_customer_ref: 'cus_1', method: { token, type: 'card' } };
    },
    async recordVerification({ attachment }) {
      if (attachment.result === 'refused') {
        seen.status = 'failed';
        return { payment_method_status: 'failed', version: 4, refused: 'payment_method_declined' };
      }
      seen.status = 'active';
      return { payment_method_status: 'active', version: 4 };
    },
    ...overrides,
  };
  return { activities, seen, payment_method_id };
}

function addRequest(changes: Partial<AddPaymentMethodInput> = {}): AddPaymentMethodInput {
  return {
    customer_id: randomUUID(),
    idempotency_key: randomUUID(),
    method: { type: 'card', token: 'pm_card_visa', off_session_consent: true },
    added_by: 'customer',
    occurred_at: '2026-02-28T23:59:59Z',
    caller: 'customer',
    actor: 'customer',
    correlation_id: 'c-1',
    ...changes,
  };
}

async function ask(rig: TestRig, input: AddPaymentMethodInput): Promise<MethodReady> {
  return await addPaymentMethod(rig.client, input, { deadline: new Date(Date.now() + 2 * LONG_WAIT_MS) });
}

function idOf({ customer_id, caller, idempotency_key }: AddPaymentMethodInput): string {
  const hash = createHash('sha256').update(`${caller}|${idempotency_key}`).digest('hex');
  return paymentMethodWorkflowId(customer_id, hash);
}

async function resultOf(rig: TestRig, input: AddPaymentMethodInput): Promise<MethodReady> {
  return await rig.client.workflow.getHandle(idOf(input)).result();
}

test('responds with the verified method', async () => {
  const { activities, seen, payment_method_id } = fakeActivities();
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const input = addRequest();

  const ready = await ask(rig, input);
  expect(ready).toEqual({
    payment_method_id,
    payment_method_status: 'active',
    version: 4,
    request_hash: 'hash',
  });
  expect(await resultOf(rig, input)).toEqual(ready);
  expect(seen.attached).toEqual(['pm_card_visa']);
});

test('responds with unverified while the gateway is unavailable, and verifies hours later', async () => {
  let rig: TestRig;
  let back = 0;
  const { activities, seen } = fakeActivities({}, SHORT_WAIT_MS);
  const { attachPaymentMethod } = activities;
  activities.attachPaymentMethod = async (input) => {
    if ((await rig.now()) < back) throw new PersonaError('gateway_unavailable', 'unavailable');
    return await attachPaymentMethod(input);
  };
  rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  back = (await rig.now()) + 3 * HOUR;
  const input = addRequest();

  expect(await ask(rig, input)).toMatchObject({ payment_method_status: 'unverified' });
  expect(await resultOf(rig, input)).toMatchObject({ payment_method_status: 'active', version: 4 });
  expect(seen.status).toBe('active');
});

test('a card that the gateway declines fails the request, but not the process', async () => {
  const { activities, seen } = fakeActivities({
    async attachPaymentMethod() {
      const codes = { code: 'card_declined' };
      return { result: 'refused', reason: 'declined', codes, gateway_customer_ref: 'cus_1' };
    },
  });
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const input = addRequest();

  await expect(ask(rig, input)).rejects.toMatchObject({ type: 'payment_method_declined' });
  expect(await resultOf(rig, input)).toMatchObject({ payment_method_status: 'failed' });
  expect(seen.status).toBe('failed');
});

test('a token that belongs to another customer at the gateway fails the request', async () => {
  const { activities } = fakeActivities({
    async recordVerification() {
      return { payment_method_status: 'failed', version: 4, refused: 'token_belongs_to_other_customer' };
    },
  });
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });

  await expect(ask(rig, addRequest())).rejects.toMatchObject({ type: 'token_belongs_to_other_customer' });
});

test('a decline after the response does not change the response', async () => {
  let refuse: () => void = () => {};
  const refused = new Promise<void>((resolve) => {
    refuse = resolve;
  });
  const { activities } = fakeActivities(
    {
      async attachPaymentMethod() {
        await refused;
        return { result: 'refused', reason: 'declined', codes: {}, gateway_customer_ref: 'cus_1' };
      },
    },
    SHORT_WAIT_MS,
  );
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const input = addRequest();

  const ready = await ask(rig, input);
  expect(ready).toMatchObject({ payment_method_status: 'unverified' });
  refuse();
  expect(await resultOf(rig, input)).toMatchObject({ payment_method_status: 'failed' });
});

test('the gateway is not called for a method that is already active', async () => {
  const { activities, seen } = fakeActivities();
  const { addPaymentMethod: write } = activities;
  activities.addPaymentMethod = async (input) => {
    const { ready, verify_wait_ms } = await write(input);
    return { ready: { ...ready, payment_method_status: 'active' }, verify_wait_ms };
  };
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const input = addRequest();

  expect(await ask(rig, input)).toMatchObject({ payment_method_status: 'active' });
  await resultOf(rig, input);
  expect(seen.attached).toEqual([]);
});

test.each(['customer_not_found', 'customer_suspended', 'token_belongs_to_other_customer'] as const)(
  'passes on %s without calling the gateway',
  async (type) => {
    const { activities, seen } = fakeActivities({
      async addPaymentMethod() {
        throw new PersonaError(type, 'no');
      },
    });
    const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
    const input = addRequest();

    await expect(ask(rig, input)).rejects.toMatchObject({ type, message: 'no' });
    expect(seen.attached).toEqual([]);
  },
);

test('a repeated request joins the running process and gets the same response', async () => {
  let attach: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    attach = resolve;
  });
  const { activities, seen } = fakeActivities({}, SHORT_WAIT_MS);
  const { attachPaymentMethod } = activities;
  activities.attachPaymentMethod = async (input) => {
    await released;
    return await attachPaymentMethod(input);
  };
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const input = addRequest();

  const first = await ask(rig, input);
  const second = await ask(rig, input);
  expect(second).toEqual(first);
  attach();
  await resultOf(rig, input);
  expect(seen.attached).toHaveLength(1);
});

test('search attributes show the customer and the outcome', async () => {
  const { activities } = fakeActivities();
  const rig = await createTestRig({ activities: { [TaskQueue.onboarding]: activities } });
  const input = addRequest();
  await ask(rig, input);
  await resultOf(rig, input);

  const { typedSearchAttributes } = await rig.client.workflow.getHandle(idOf(input)).describe();
  const shown = Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
  expect(shown).toMatchObject({
    PersonaProcess: 'addPaymentMethod',
    PersonaCustomerId: input.customer_id,
    PersonaState: 'done',
    PersonaOutcome: 'active',
  });
});
