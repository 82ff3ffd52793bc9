import { expect, test } from 'vitest';
import type { ContestDecision } from '../domain/contests.ts';
import { PersonaError } from '../domain/errors.ts';
import { TaskQueue } from '../domain/workflow-contracts.ts';
import { createTestRig } from '../test/rig/index.ts';
import type { ContestActivities } from './review-contest.ts';

const DAY_MS = 24 * 3_600_000;
const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const CONTEST = { contest_id: `${CUSTOMER}:3` };
const WORKFLOW_ID = `contest:${CUSTOMER}:3`;
const UPHELD = {
  ...{ decision: 'upheld', explanation: 'Not yours.', actor: 'grace' },
  corrections: [{ command: 'removePaymentMethod', payment_method_id: CUSTOMER }],
};

/** A graph with one contest. */
async function contested(options: { deliver?: () => Promise<void>; isGone?: boolean } = {}) {
  const seen: string[] = [];
  const decided: ContestDecision[] = [];
  let isOpen = true;
  let opened_seq = 4;
  let opened_at: number | undefined;
  let notice_due: string | null = null;
  const activities: ContestActivities & Record<string, unknown> = {
    async readContest() {
      opened_at ??= await rig.now();
      const policy = { contestReminder: 7 * DAY_MS, deadline: 30 * DAY_MS };
      if (options.isGone) return { policy };
      return { found: { customer_id: CUSTOMER, isOpen, opened_seq, opened_at, notice_due }, policy };
    },
    async decideContest({ decision }) {
      decided.push(decision);
      isOpen = false;
      notice_due = `n-${decided.length}`;
      return { removed: decision.corrections.map(({ id }) => id) };
    },
    async remindOfContest() {
      seen.push('reminded');
    },
    async detachPaymentMethod({ payment_method_id }: { payment_method_id: string }) {
      seen.push(`detached ${payment_method_id}`);
    },
    async deliverNotice({ notification_id, template }: { notification_id: string; template: string }) {
      await options.deliver?.();
      seen.push(`${template} ${notification_id}`);
      notice_due = null;
      return { result: 'delivered' };
    },
  };
  const rig = await createTestRig({
    activities: Object.fromEntries(
      [TaskQueue.maintenance, TaskQueue.gatewayRequests, TaskQueue.notices].map((queue) => [
        queue,
        activities,
      ]),
    ),
  });
  const handle = await rig.client.workflow.start('reviewContest', {
    ...{ workflowId: WORKFLOW_ID, taskQueue: TaskQueue.maintenance, args: [CONTEST] },
  });
  const stateOf = async () => {
    const { searchAttributes } = await rig.client.workflow.getHandle(WORKFLOW_ID).describe();
    return searchAttributes.PersonaState;
  };
  const reopen = async () => {
    isOpen = true;
    opened_seq += 2;
    opened_at = await rig.now();
  };
  return { rig, handle, seen, decided, reopen, stateOf };
}

test('operators are reminded once after a week, and an undecided contest is overdue after the deadline', async () => {
  const { rig, handle, seen, decided, stateOf } = await contested();
  await rig.sleep(7 * DAY_MS - 60_000);
  expect(seen).toEqual([]);
  expect(await stateOf()).toEqual(['needs_review']);
  await rig.sleep(2 * 60_000);
  expect(seen).toEqual(['reminded']);
  expect(await stateOf()).toEqual(['reminded']);
  await rig.sleep(23 * DAY_MS);
  expect(await stateOf()).toEqual(['overdue']);
  await rig.sleep(60 * DAY_MS);
  expect(seen).toEqual(['reminded']);
  // However late, the decision counts. What is no decision changes nothing.
  await handle.signal('contestDecision', { decision: 'perhaps' });
  await handle.signal('contestDecision', UPHELD);
  expect(await handle.result()).toEqual({ ...CONTEST, outcome: 'decided' });
  expect(decided).toHaveLength(1);
  expect(seen).toEqual(['reminded', `detached ${CUSTOMER}`, 'contest_decided n-1']);
});

test('of two decisions the first counts, and a contest that is opened again during its notice awaits another', async () => {
  const delivering = Promise.withResolvers<void>();
  const delivered = Promise.withResolvers<void>();
  const { handle, seen, decided, reopen, rig } = await contested({
    deliver() {
      delivering.resolve();
      return delivered.promise;
    },
  });
  const rejected = { decision: 'rejected', explanation: 'It was.', actor: 'alex' };
  await Promise.all([handle.signal('contestDecision', UPHELD), handle.signal('contestDecision', UPHELD)]);
  await delivering.promise;
  expect(decided).toHaveLength(1);
  await reopen();
  delivered.resolve();
  await rig.sleep(8 * DAY_MS);
  expect(seen.at(-1)).toBe('reminded');
  // About the first opening, sent late.
  await handle.signal('contestDecision', { ...UPHELD, opened_seq: 4 });
  await handle.signal('contestDecision', { ...rejected, opened_seq: 6 });
  expect(await handle.result()).toMatchObject({ outcome: 'decided' });
  expect(decided.map(({ decision }) => decision)).toEqual(['upheld', 'rejected']);
  expect(seen.filter((one) => one.startsWith('contest_decided'))).toHaveLength(2);
});

test('a notice that cannot be delivered within a minute is left to its own run', async () => {
  const { handle, rig } = await contested({
    deliver: () => Promise.reject(new PersonaError('notifier_unavailable', 'away')),
  });
  rig.leaveOpen('n-1', 'it sends the notice as long as notices are sent');
  await handle.signal('contestDecision', UPHELD);
  expect(await handle.result()).toMatchObject({ outcome: 'decided' });
  const { status } = await rig.client.workflow.getHandle('n-1').describe();
  expect(status.name).toBe('RUNNING');
});

test('the contest of an erased customer ends, and is found by its customer', async () => {
  const { handle, decided, rig } = await contested({ isGone: true });
  await handle.signal('contestDecision', UPHELD);
  expect(await handle.result()).toEqual({ ...CONTEST, outcome: 'gone' });
  expect(decided).toEqual([]);
  const { searchAttributes } = await rig.client.workflow.getHandle(WORKFLOW_ID).describe();
  expect(searchAttributes.PersonaCustomerId).toEqual([CUSTOMER]);
});

test('an erasure ends a contest that awaits its decision', async () => {
  const { handle, decided } = await contested();
  await handle.cancel();
  await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  expect(decided).toEqual([]);
});
