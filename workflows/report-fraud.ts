/** Reports a suspicion to Chimera in the background of the process that found it, even if Chimera is down for days. */

import { proxyActivities } from '@temporalio/workflow';
import type { SuspectedFraud } from '../domain/ports.ts';
import { TaskQueue } from '../domain/workflow-contracts.ts';

export interface ChimeraActivities {
  reportSuspectedFraud(input: SuspectedFraud): Promise<void>;
}

const { reportSuspectedFraud } = proxyActivities<ChimeraActivities>({
  taskQueue: TaskQueue.chimera,
  startToCloseTimeout: '10s',
  // After a week, the suspicion has been decided by other means.
  scheduleToCloseTimeout: '7d',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

export async function reportFraud(input: SuspectedFraud): Promise<void> {
  await reportSuspectedFraud(input);
}
