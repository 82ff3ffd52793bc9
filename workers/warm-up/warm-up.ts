/** Before a worker takes customers: the statements that it sends have been planned, and the connection stands. */

import type { Policy } from '../../domain/policy.ts';
import { TaskQueue, type TaskQueueName } from '../../domain/processes.ts';
import { type Graph, rehearse } from '../../graph/index.ts';
import { playOnboardings } from './onboarding.ts';
import { playRecoveries } from './recovery.ts';

/** So long each process may take: on a busy machine it must not stand in the way of those who are waiting already. */
const PATIENCE_MS = 5_000;

/** What a queue's processes do, step by step; a checkout, where people wait, comes first. */
const PLAYS: readonly { queue: TaskQueueName; play: typeof playOnboardings }[] = [
  { queue: TaskQueue.onboarding, play: playOnboardings },
  { queue: TaskQueue.recovery, play: playRecoveries },
];

/**
 * Plays the processes of these queues from their beginning to their end, and undoes them. What one leaves of its time is
 * the next one's; what it takes longer, the next one goes without.
 * @throws PersonaError graph_unavailable
 */
export async function warmUp(graph: Graph, policy: Policy, queues: readonly TaskQueueName[]): Promise<void> {
  const plays = PLAYS.filter(({ queue }) => queues.includes(queue));
  if (plays.length === 0) return;
  await rehearse(graph, async (stage) => {
    let deadline = Date.now();
    for (const { play } of plays) {
      deadline += PATIENCE_MS;
      for await (const _ of play(stage, policy)) if (Date.now() > deadline) break;
    }
  });
}
