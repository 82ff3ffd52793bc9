/** Changing and removing a payment method, with activities that fail where a test needs it. */

import { createHash, randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import {
  type ChangePaymentMethodInput,
  paymentMethodWorkflowId,
  TaskQueue,
  type UpdatePaymentMethodInput,
} from '../domain/workflow-contracts.ts';
import { addPaymentMethod, removePaymentMethod, updatePaymentMethod } from '../temporal/workflow-client.ts';
import { createTestRig, type TestRig } from '../test/rig/index.ts';
import type { RemovalActivities } from './remove-payment-method.ts';
import type { MethodUpdateActivities } from './update-payment-method.ts';

type Activities = MethodUpdateActivities & RemovalActivities;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How long a response waits for the gateway: enough for a busy machine, or short for a gateway that is unavailable. */
const LONG_WAIT_MS = 60_000;
const SHORT_WAIT_MS = 200;

/** Activities that record their calls in order; each test overrides what it needs. */
function fakeActivities(overrides: Partial<Activities> = {}, verify_wait_ms = LONG_WAIT_MS) {
  const seen: string[] = [];
  const activities: Activities = {
    async requestMethodUpdate({ payment_method_id, change }) {
      const ready = {
        payment_method_id,
        payment_method_status: 'expired',
        version: 3,
        request_hash: 'h',
      } as const;
      const at_gateway = change.expiry_year !== undefined;
      return { ready, at_gateway, verify_wait_ms };
    },
    async updateAtGateway() {
      return 'updated';
    },
    async recordMethodUpdate() {
      return { result: 'updated', payment_method_status: 'active', version: 5 };
    },
    async removePaymentMethod({ payment_method_id }) {
      return { payment_method_id, payment_method_status: 'inactive', version: 4, request_hash: 'h' };
    },
    async detachPaymentMethod() {
      return 'detached';
    },
    ...overrides,
  };
  for (const [name, activity] of Object.entries(activities)) {
    activities[name as keyof Activities] = (async (input: never) => {
      seen.push(name);
      return await (activity as (input: never) => unknown)(input);
    }) as never;
  }
  return { activities, seen };
}

const rigOf = (activities: Activities) =>
  createTestRig({ activities: { [TaskQueue.onboarding]: activities } });

function editRequest(): ChangePaymentMethodInput {
  return {
    customer_id: randomUUID(),
    payment_method_id: randomUUID(),
    idempotency_key: randomUUID(),
    expected_version: 2,
    by: 'customer',
    occurred_at: '2026-02-28T23:59:59Z',
    caller: 'customer',
    actor: 'customer',
    correlation_id: 'c-1',
  };
}
const dateChange = (): UpdatePaymentMethodInput => ({
  ...editRequest(),
  change: { expiry_month: 5, expiry_year: 2031, off_session_consent: true },
});

const waiting = () => ({ deadline: new Date(Date.now() + 2 * LONG_WAIT_MS) });
const update = (rig: TestRig, input: UpdatePaymentMethodInput) =>
  updatePaymentMethod(rig.client, input, waiting());
const remove = (rig: TestRig, input: ChangePaymentMethodInput) =>
  removePaymentMethod(rig.client, input, waiting());

function handleOf(rig: TestRig, { customer_id, caller, idempotency_key }: ChangePaymentMethodInput) {
  const hash = createHash('sha256').update(`${caller}|${idempotency_key}`).digest('hex');
  return rig.client.workflow.getHandle(paymentMethodWorkflowId(customer_id, hash));
}

async function shown(rig: TestRig, input: ChangePaymentMethodInput) {
  const { typedSearchAttributes } = await handleOf(rig, input).describe();
  return Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
}

/** Fails as unavailable for that long, by the server's clock. */
function awayFor(rig: () => TestRig, ms: number) {
  let back: number | undefined;
  return async () => {
    const now = await rig().now();
    back ??= now + ms;
    if (now < back) throw new PersonaError('gateway_unavailable', 'unavailable');
  };
}

test('a new expiry date is changed at the gateway, recorded, and then returned', async () => {
  const { activities, seen } = fakeActivities();
  const rig = await rigOf(activities);
  const input = dateChange();

  const answer = { pending: false, payment_method_status: 'active', version: 5, request_hash: 'h' };
  expect(await update(rig, input)).toMatchObject(answer);
  expect(await handleOf(rig, input).result()).toMatchObject(answer);
  expect(seen).toEqual(['requestMethodUpdate', 'updateAtGateway', 'recordMethodUpdate']);
  expect(await shown(rig, input)).toMatchObject({
    PersonaProcess: 'updatePaymentMethod',
    PersonaCustomerId: input.customer_id,
    PersonaState: 'done',
    PersonaOutcome: 'updated',
  });
});

test('a change of consent alone does not call the gateway', async () => {
  const { activities, seen } = fakeActivities();
  const rig = await rigOf(activities);
  const input = { ...editRequest(), change: { off_session_consent: false } };

  expect(await update(rig, input)).toMatchObject({ pending: false, version: 3 });
  expect(await handleOf(rig, input).result()).toMatchObject({ pending: false });
  expect(seen).toEqual(['requestMethodUpdate']);
});

test('with the gateway down for hours, the response is pending, and the change follows when it is back', async () => {
  let rig: TestRig;
  const { activities, seen } = fakeActivities({}, SHORT_WAIT_MS);
  const { updateAtGateway } = activities;
  const away = awayFor(() => rig, 5 * HOUR);
  activities.updateAtGateway = async (ids) => {
    await away();
    return updateAtGateway(ids);
  };
  rig = await rigOf(activities);
  const input = dateChange();

  expect(await update(rig, input)).toMatchObject({ pending: true, payment_method_status: 'expired' });
  expect(await handleOf(rig, input).result()).toMatchObject({
    pending: false,
    payment_method_status: 'active',
  });
  expect(seen.filter((name) => name === 'recordMethodUpdate')).toHaveLength(1);
});

test('a change is given up after a week without the gateway, and the search attributes show it', async () => {
  const { activities, seen } = fakeActivities(
    {
      async updateAtGateway() {
        throw new PersonaError('gateway_unavailable', 'unavailable');
      },
    },
    SHORT_WAIT_MS,
  );
  const rig = await rigOf(activities);
  const input = dateChange();

  expect(await update(rig, input)).toMatchObject({ pending: true });
  expect(await handleOf(rig, input).result()).toMatchObject({ pending: true });
  expect(seen).not.toContain('recordMethodUpdate');
  expect(await shown(rig, input)).toMatchObject({ PersonaOutcome: 'given_up' });
});

test('a change made at the gateway during an outage of the graph is recorded when the graph is back', async () => {
  let rig: TestRig;
  const { activities } = fakeActivities({}, SHORT_WAIT_MS);
  const { recordMethodUpdate } = activities;
  const away = awayFor(() => rig, 3 * DAY);
  activities.recordMethodUpdate = async (input) => {
    await away();
    return recordMethodUpdate(input);
  };
  rig = await rigOf(activities);
  const input = dateChange();

  expect(await update(rig, input)).toMatchObject({ pending: true });
  expect(await handleOf(rig, input).result()).toMatchObject({ pending: false, version: 5 });
});

test.each<[string, Partial<Activities>, string]>([
  [
    'the gateway refuses the date',
    { updateAtGateway: async () => 'refused' as const },
    'payment_method_declined',
  ],
  [
    'the gateway changed nothing',
    {
      updateAtGateway: async () => 'not_attached' as const,
      recordMethodUpdate: async () => ({ result: 'refused' as const }),
    },
    'payment_method_declined',
  ],
  [
    'the method was detached elsewhere',
    {
      updateAtGateway: async () => 'not_attached' as const,
      recordMethodUpdate: async () => ({ result: 'removed' as const }),
    },
    'payment_method_not_found',
  ],
])('%s: the request fails, and the process completes', async (_, overrides, type) => {
  const { activities } = fakeActivities(overrides);
  const rig = await rigOf(activities);
  const input = dateChange();

  await expect(update(rig, input)).rejects.toMatchObject({ type });
  expect(await handleOf(rig, input).result()).toMatchObject({ pending: true });
});

test.each(['stale_version', 'customer_suspended', 'payment_method_not_found', 'illegal_transition'] as const)(
  'passes on %s without calling the gateway',
  async (type) => {
    const refuse = async () => {
      throw new PersonaError(type, 'no');
    };
    const { activities, seen } = fakeActivities({ requestMethodUpdate: refuse, removePaymentMethod: refuse });
    const rig = await rigOf(activities);

    await expect(update(rig, dateChange())).rejects.toMatchObject({ type, message: 'no' });
    await expect(remove(rig, editRequest())).rejects.toMatchObject({ type, message: 'no' });
    expect(seen).toEqual(['requestMethodUpdate', 'removePaymentMethod']);
  },
);

test('a removal responds immediately, and the method is detached when the gateway is back', async () => {
  let rig: TestRig;
  const { activities, seen } = fakeActivities();
  const { detachPaymentMethod } = activities;
  const away = awayFor(() => rig, 9 * DAY);
  activities.detachPaymentMethod = async (ids) => {
    await away();
    return detachPaymentMethod(ids);
  };
  rig = await rigOf(activities);
  const input = editRequest();

  expect(await remove(rig, input)).toMatchObject({ payment_method_status: 'inactive', version: 4 });
  // A repeated request joins the run and gets the same response.
  expect(await remove(rig, input)).toMatchObject({ version: 4 });
  expect(await handleOf(rig, input).result()).toMatchObject({ version: 4 });
  expect(seen.filter((name) => name === 'removePaymentMethod')).toHaveLength(1);
  expect(await shown(rig, input)).toMatchObject({ PersonaState: 'done', PersonaOutcome: 'detached' });
});

test('detaching waits for a charge in progress', async () => {
  let tries = 0;
  const { activities } = fakeActivities({
    async detachPaymentMethod() {
      tries += 1;
      if (tries < 4) throw new PersonaError('charge_unresolved', 'in progress');
      return 'detached';
    },
  });
  const rig = await rigOf(activities);
  const input = editRequest();

  await remove(rig, input);
  await handleOf(rig, input).result();
  expect(tries).toBe(4);
});

test('a failed detachment is retried without removing the method from the wallet again', async () => {
  let tries = 0;
  const { activities, seen } = fakeActivities({
    async detachPaymentMethod() {
      tries += 1;
      if (tries === 1) throw new Error('the connection to the server broke');
      return 'not_attached';
    },
  });
  const rig = await rigOf(activities);
  const input = editRequest();

  await remove(rig, input);
  await handleOf(rig, input).result();
  expect(seen).toEqual(['removePaymentMethod', 'detachPaymentMethod', 'detachPaymentMethod']);
  expect(await shown(rig, input)).toMatchObject({ PersonaOutcome: 'not_attached' });
});

test('another request with the key of a running removal joins that removal', async () => {
  let detach: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    detach = resolve;
  });
  const { activities, seen } = fakeActivities({
    async detachPaymentMethod() {
      await released;
      return 'detached';
    },
  });
  const rig = await rigOf(activities);
  const input = editRequest();
  await remove(rig, input);

  // The response has the removal's request hash, which the caller compares.
  const { payment_method_id: __, expected_version: ___, by: ____, ...common } = input;
  const added = await addPaymentMethod(
    rig.client,
    { ...common, method: { type: 'card', token: 'pm_1' }, added_by: 'customer' },
    waiting(),
  );
  expect(added).toMatchObject({ payment_method_id: input.payment_method_id, request_hash: 'h' });
  detach();
  await handleOf(rig, input).result();
  expect(seen).toEqual(['removePaymentMethod', 'detachPaymentMethod']);
});
