import { expect, test } from 'vitest';
import { beginRetention, type RetentionProgress } from '../domain/retention.ts';
import { TaskQueue } from '../domain/workflow-contracts.ts';
import { createTestRig } from '../test/rig/index.ts';
import type { RetentionActivities } from './apply-retention.ts';

test('a run goes on from call to call and from execution to execution until nothing is left', async () => {
  const from: (RetentionProgress | undefined)[] = [];
  const activities: RetentionActivities = {
    async removeExpired(progress = beginRetention(0)) {
      from.push(progress);
      const { counts } = progress;
      const isDone = counts.receipts === 64;
      return {
        ...progress,
        step: isDone ? null : 'receipts',
        counts: { ...counts, receipts: counts.receipts + 1 },
      };
    },
  };
  const rig = await createTestRig({ activities: { [TaskQueue.maintenance]: activities } });
  const removed = await rig.client.workflow.execute('applyRetention', {
    workflowId: 'retention',
    taskQueue: TaskQueue.maintenance,
  });
  expect(removed).toMatchObject({ receipts: 65, sightings: 0 });
  expect(from.map((progress) => progress?.counts.receipts)).toEqual(Array.from({ length: 65 }, (_, n) => n));
});
