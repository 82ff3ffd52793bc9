/** Tells Chimera of a suspicion, however long Chimera is away, beside the process that found it. */

import { proxyActivities } from '@temporalio/workflow';
import type { SuspectedFraud } from '../domain/ports.ts';
import { TaskQueue } from '../domain/workflow-contracts.ts';

export interface ChimeraActivities {
  reportSuspectedFraud(input: SuspectedFraud): Promise<void>;
}

const { reportSuspectedFraud } = proxyActivities<ChimeraActivities>({
  taskQueue: TaskQueue.chimera,
  startToCloseTimeout: '10s',
  // A suspicion that is a week old has been decided by other means.
  scheduleToCloseTimeout: '7d',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10m' },
});

export async function reportFraud(input: SuspectedFraud): Promise<void> {
  await reportSuspectedFraud(input);
}
