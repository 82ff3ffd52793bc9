/** Before a worker takes customers: the statements that it sends have been planned, and the connection stands. */

import type { Policy } from '../../domain/policy.ts';
import { TaskQueue, type TaskQueueName } from '../../domain/workflow-contracts.ts';
import { type Graph, withRollback } from '../../graph/index.ts';
import { warmUpOnboardings } from './onboarding.ts';
import { warmUpRecoveries } from './recovery.ts';

/** So long each process may take: on a busy machine it must not stand in the way of those who are waiting already. */
const TIME_BUDGET_MS = 5_000;

/** What a queue's processes do, step by step; a checkout, where people wait, comes first. */
const WARM_UPS: readonly { queue: TaskQueueName; steps: typeof warmUpOnboardings }[] = [
  { queue: TaskQueue.onboarding, steps: warmUpOnboardings },
  { queue: TaskQueue.recovery, steps: warmUpRecoveries },
];

/**
 * Plays the processes of these queues from their beginning to their end, and undoes them. What one leaves of its time is
 * the next one's; what it takes longer, the next one goes without.
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
