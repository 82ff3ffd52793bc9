import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { ErasureWait } from '../domain/erasure/steps.ts';
import { TaskQueue } from '../domain/workflow-contracts.ts';
import { createTestRig } from '../test/rig/index.ts';
import type { ErasureActivities } from './erase-customer.ts';

const ERASURE = { erasure_id: 'e-1' };
const DAY_MS = 24 * 3_600_000;

/** @param waits for each activity, what it waits for at each look before it is done */
async function rigWith(waits: Partial<Record<keyof ErasureActivities, readonly ErasureWait[]>> = {}) {
  const seen: string[] = [];
  const step = (name: keyof ErasureActivities) => {
    const left = [...(waits[name] ?? [])];
    return async (input: unknown) => {
      expect(input).toEqual(ERASURE);
      const wait = left.shift();
      if (seen.at(-1) !== name) seen.push(name);
      return { waiting_for: wait === undefined ? [] : [wait] };
    };
  };
  const activities: ErasureActivities = {
    recordErasure: step('recordErasure'),
    hideErasedCustomer: step('hideErasedCustomer'),
    settleErasedCustomer: step('settleErasedCustomer'),
    announceToOthers: step('announceToOthers'),
    notifyOfErasure: step('notifyOfErasure'),
    async giveUpNotice() {
      seen.push('giveUpNotice');
    },
    forgetErasedCustomer: step('forgetErasedCustomer'),
    deleteHistories: step('deleteHistories'),
    async finishErasure() {
      seen.push('finishErasure');
    },
  };
  return { seen, activities };
}

async function run(activities: ErasureActivities) {
  const rig = await createTestRig({
    activities: { [TaskQueue.maintenance]: activities, [TaskQueue.notices]: activities },
  });
  const options = { workflowId: 'erasure:e-1', taskQueue: TaskQueue.maintenance, args: [ERASURE] };
  const handle = await rig.client.workflow.start('eraseCustomer', options);
  const result: unknown = await handle.result();
  const first = rig.client.workflow.getHandle('erasure:e-1', handle.firstExecutionRunId);
  return { rig, result, first };
}

const STEPS = [
  ...['recordErasure', 'hideErasedCustomer', 'settleErasedCustomer', 'notifyOfErasure', 'announceToOthers'],
  ...['forgetErasedCustomer', 'deleteHistories', 'finishErasure'],
];

test('every step runs once, in order, and no history names the customer', async () => {
  const { seen, activities } = await rigWith();
  const { rig, result } = await run(activities);
  expect(result).toEqual({ ...ERASURE, outcome: 'done' });
  expect(seen).toEqual(STEPS);
  const { searchAttributes } = await rig.client.workflow.getHandle('erasure:e-1').describe();
  expect(Object.keys(searchAttributes)).not.toContain('PersonaCustomerId');
});

test('a bank debit that is pending for days is waited for, and the steps after it come once it is settled', async () => {
  const { seen, activities } = await rigWith({
    settleErasedCustomer: Array.from({ length: 400 }, () => 'charge' as const),
    forgetErasedCustomer: ['dispute'],
  });
  const { rig, first } = await run(activities);
  const { startTime } = await first.describe();
  const { closeTime } = await rig.client.workflow.getHandle('erasure:e-1').describe();
  expect(Number(closeTime) - Number(startTime)).toBeGreaterThan(2 * DAY_MS);
  // A run that continues as new finds the earlier steps done.
  expect([...new Set(seen)]).toEqual(STEPS);
  // What the next step waits for may take a second: it does not wait as long as a bank debit.
  const { events } = await rig.client.workflow.getHandle('erasure:e-1').fetchHistory();
  const waits = (events ?? []).map(({ timerStartedEventAttributes: timer }) => timer?.startToFireTimeout);
  expect(Number(waits.findLast(Boolean)?.seconds)).toBe(1);
});

test('a customer who cannot be notified for three days is erased all the same', async () => {
  const { seen, activities } = await rigWith();
  await run({
    ...activities,
    notifyOfErasure: () => Promise.reject(new PersonaError('notifier_unavailable', 'unavailable')),
  });
  expect(seen).toEqual(STEPS.map((name) => (name === 'notifyOfErasure' ? 'giveUpNotice' : name)));
});

test('an erasure that is taken back ends without another step', async () => {
  const { seen, activities } = await rigWith();
  const { result } = await run({
    ...activities,
    hideErasedCustomer: async () => ({ waiting_for: [], cancelled: true }),
  });
  expect(result).toEqual({ ...ERASURE, outcome: 'cancelled' });
  expect(seen).toEqual(['recordErasure']);
});
