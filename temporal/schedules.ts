/** The schedules: created if missing, brought up to date if they differ. */

import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { OBLIGATION_SWEEP, TaskQueue, WorkflowName } from '../domain/processes.ts';
import { toPersonaError } from './failures.ts';

/**
 * Puts every schedule into place. Several workers may do so at once.
 *
 * @throws PersonaError temporal_unavailable
 */
export async function ensureSchedules(client: Client): Promise<void> {
  const definition = {
    spec: { intervals: [{ every: OBLIGATION_SWEEP.everyMs }] },
    action: {
      type: 'startWorkflow' as const,
      workflowType: WorkflowName.sweepObligations,
      workflowId: OBLIGATION_SWEEP.id,
      taskQueue: TaskQueue.maintenance,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: OBLIGATION_SWEEP.everyMs },
  };
  try {
    await client.schedule.create({ scheduleId: OBLIGATION_SWEEP.id, ...definition });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw toPersonaError(error);
    const handle = client.schedule.getHandle(OBLIGATION_SWEEP.id);
    await handle
      .update((known) => ({ ...definition, state: known.state }))
      .catch((reason: unknown) => {
        throw toPersonaError(reason);
      });
  }
}
