import { expect, test } from 'vitest';
import { TaskQueue } from '../domain/processes.ts';
import { createTestRig } from '../test/rig/index.ts';
import type { SweepActivities } from './sweep-obligations.ts';

test('the sweep looks at every page and says how many recoveries it started again', async () => {
  const pages: Record<string, Awaited<ReturnType<SweepActivities['sweepPage']>>> = {
    '': { looked_at: 100, started: ['invoice-7'], next: 'invoice-99' },
    'invoice-99': { looked_at: 3, started: [] },
  };
  const activities: SweepActivities = {
    async sweepPage({ after }) {
      return pages[after] ?? { looked_at: 0, started: [] };
    },
  };
  const rig = await createTestRig({ activities: { [TaskQueue.maintenance]: activities } });
  const result = await rig.client.workflow.execute('sweepObligations', {
    workflowId: 'obligation-sweep-1',
    taskQueue: TaskQueue.maintenance,
  });
  expect(result).toEqual({ looked_at: 103, started: 1 });
});
