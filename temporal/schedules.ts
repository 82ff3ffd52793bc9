/** The schedules: created if missing, brought up to date if they differ, put back if they are lost. */

import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { OBLIGATION_SWEEP, TaskQueue, WorkflowName } from '../domain/processes.ts';
import { toPersonaError } from './failures.ts';
import { ensureSearchAttributes } from './search-attributes.ts';

const SWEEP = {
  spec: { intervals: [{ every: OBLIGATION_SWEEP.everyMs }] },
  action: {
    type: 'startWorkflow' as const,
    workflowType: WorkflowName.sweepObligations,
    workflowId: OBLIGATION_SWEEP.id,
    taskQueue: TaskQueue.maintenance,
  },
  policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: OBLIGATION_SWEEP.everyMs },
};

/**
 * Puts every schedule into place. Several workers may do so at once.
 *
 * @throws PersonaError temporal_unavailable
 */
export async function ensureSchedules(client: Client): Promise<void> {
  if (await createSchedules(client)) return;
  const handle = client.schedule.getHandle(OBLIGATION_SWEEP.id);
  await handle
    .update((known) => ({ ...SWEEP, state: known.state }))
    .catch((reason: unknown) => {
      throw toPersonaError(reason);
    });
}

/** @returns whether any was missing */
async function createSchedules(client: Client): Promise<boolean> {
  try {
    await client.schedule.create({ scheduleId: OBLIGATION_SWEEP.id, ...SWEEP });
    return true;
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return false;
    throw toPersonaError(error);
  }
}

/**
 * Looks again and again whether every schedule is there: when Temporal loses its data under running workers, nobody else
 * would put them back, and lost recoveries would stay lost. One that is there stays as it is, so that workers of two
 * releases do not take turns at changing it. Search attributes are lost with the schedules, and come back before them.
 *
 * @param options.everyMs how often; `onFailure`: hears of a look that failed, which the next one makes good
 * @returns ends it
 */
export function keepSchedules(
  client: Client,
  options: { everyMs: number; onFailure: (error: unknown) => void },
): () => void {
  const look = async () => {
    await ensureSearchAttributes(client);
    await createSchedules(client);
  };
  const timer = setInterval(() => void look().catch(options.onFailure), options.everyMs);
  return () => clearInterval(timer);
}
