import { activityInfo, cancelled } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { recoveryWorkflowId, TaskQueue } from '../domain/workflow-contracts.ts';
import { createTestRig } from '../test/rig/index.ts';
import { report, fakeRecovery } from './recovery/recovery-workflow-fixtures.ts';

type FakeRecovery = ReturnType<typeof fakeRecovery>;

/** The fake's activities, with `before` run ahead of each call of `recordAttempt`. */
function withRecording(fake: FakeRecovery, before: () => Promise<void> | void): FakeRecovery['activities'] {
  const recovery = fake.activities[TaskQueue.recovery];
  return {
    ...fake.activities,
    [TaskQueue.recovery]: {
      ...recovery,
      async recordAttempt(input) {
        await before();
        return recovery.recordAttempt(input);
      },
    },
  };
}

async function tasksOf(handle: WorkflowHandle): Promise<(string | null | undefined)[]> {
  const { events } = await handle.fetchHistory();
  const scheduled = events?.flatMap((event) => event.activityTaskScheduledEventAttributes ?? []) ?? [];
  return scheduled.map(({ activityType }) => activityType?.name);
}

test('a command that fails within the workflow task is retried as an ordinary activity', async () => {
  const fake = fakeRecovery();
  const tries: boolean[] = [];
  const activities = withRecording(fake, () => {
    tries.push(activityInfo().isLocal);
    if (tries.length < 4) throw new PersonaError('graph_unavailable', 'Neo4j is unavailable');
  });
  const handle = await report(await createTestRig({ activities }), fake);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', attempts: 1 });
  expect(tries).toEqual([true, false, false, false]);
  expect(await tasksOf(handle)).toEqual(['charge', 'recordAttempt', 'deliverNotice']);
  expect(fake.seen.charges).toEqual(['card-a:1']);
});

test('a command that takes too long for a workflow task is retried as an ordinary activity', async () => {
  const fake = fakeRecovery();
  let tries = 0;
  const activities = withRecording(fake, async () => {
    tries += 1;
    if (tries === 1) await cancelled();
  });
  const handle = await report(await createTestRig({ activities }), fake);
  expect(await handle.result()).toMatchObject({ outcome: 'recovered', attempts: 1 });
  expect(await tasksOf(handle)).toEqual(['charge', 'recordAttempt', 'deliverNotice']);
  expect(fake.seen.charges).toEqual(['card-a:1']);
});

test('the release of a claim is recorded by an ordinary activity, because a later message could reverse it', async () => {
  const fake = fakeRecovery({ charge: () => ({ result: 'declined', codes: {} }) });
  const local: boolean[] = [];
  const activities = withRecording(fake, () => void local.push(activityInfo().isLocal));
  const { claimAttempt } = activities[TaskQueue.recovery];
  activities[TaskQueue.recovery].claimAttempt = async (input) => {
    const by = { actor: 'ops', reason: 'incident' };
    await rig.client.workflow.getHandle(recoveryWorkflowId(fake.payment_id)).signal('cancel', by);
    return claimAttempt(input);
  };
  const rig = await createTestRig({ activities });
  const handle = await report(rig, fake);
  expect(await handle.result()).toMatchObject({ outcome: 'cancelled', attempts: 2 });
  expect(local.at(-1)).toBe(false);
  expect(fake.seen.charges).toEqual(['card-a:1']);
});

test('a permanent refusal fails as that of an ordinary activity', async () => {
  const fake = fakeRecovery();
  const recovery = fake.activities[TaskQueue.recovery];
  let tries = 0;
  const refusing = {
    ...recovery,
    async openRecovery() {
      tries += 1;
      throw new PersonaError('customer_not_found', 'there is no such customer');
    },
  };
  const activities = { ...fake.activities, [TaskQueue.recovery]: refusing };
  const handle = await report(await createTestRig({ activities }), fake);
  const failure = { cause: { cause: { type: 'customer_not_found' } } };
  await expect(handle.result()).rejects.toMatchObject(failure);
  expect(tries).toBe(2);
});
