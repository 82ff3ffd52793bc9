/** Rehearses processes before a worker starts, so that its statements are planned and its connection is open. */

import type { Policy } from '../../domain/policy.ts';
import { TaskQueue, type TaskQueueName } from '../../domain/workflow-contracts.ts';
import { type Graph, withRollback } from '../../graph/index.ts';
import { warmUpOnboardings } from './onboarding.ts';
import { warmUpRecoveries } from './recovery.ts';

/** The time limit per process: on a busy machine a warm-up must not delay customers who are already waiting. */
const TIME_BUDGET_MS = 5_000;

/** The steps per queue; onboarding comes first, because customers wait for it at checkout. */
const WARM_UPS: readonly { queue: TaskQueueName; steps: typeof warmUpOnboardings }[] = [
  { queue: TaskQueue.onboarding, steps: warmUpOnboardings },
  { queue: TaskQueue.recovery, steps: warmUpRecoveries },
];

/**
 * Runs the processes of these queues from start to end, and rolls them back. Time that one does not use is added to the
 * next one's limit; time by which it overruns is deducted.
 * @throws PersonaError graph_unavailable
 */
export async function warmUp(graph: Graph, policy: Policy, queues: readonly TaskQueueName[]): Promise<void> {
  const selected = WARM_UPS.filter(({ queue }) => queues.includes(queue));
  if (selected.length === 0) return;
  await withRollback(graph, async (rolledBack) => {
    let deadline = Date.now();
    for (const { steps } of selected) {
      deadline += TIME_BUDGET_MS;
      for await (const _ of steps(rolledBack, policy)) if (Date.now() > deadline) break;
    }
  });
}
