import { expect, test } from 'vitest';
import { TaskQueue } from '../domain/workflow-contracts.ts';
import { createTestRig } from '../test/rig/index.ts';
import type { ReceiptActivities } from './expire-receipts.ts';

test('a run deletes receipts in at most twenty batches and leaves the rest to the next run', async () => {
  let left = 45;
  const activities: ReceiptActivities = {
    async expireReceipts() {
      left -= 1;
      return { expired: 1_000, isDone: left === 0 };
    },
  };
  const rig = await createTestRig({ activities: { [TaskQueue.maintenance]: activities } });
  const run = (n: number) =>
    rig.client.workflow.execute('expireReceipts', {
      workflowId: `receipt-expiry-${n}`,
      taskQueue: TaskQueue.maintenance,
    });
  expect([await run(1), await run(2), await run(3)]).toEqual([
    { expired: 20_000 },
    { expired: 20_000 },
    { expired: 5_000 },
  ]);
});
