/** Runs short graph commands within the workflow task instead of in a separate activity task. */

import { proxyLocalActivities, TemporalFailure } from '@temporalio/workflow';

type Activity<Input, Output> = (input: Input) => Promise<Output>;

const local = proxyLocalActivities<Record<string, Activity<unknown, unknown>>>({
  // Longer than a transaction takes on a busy machine, and shorter than the eight seconds after which a workflow task has
  // to be renewed, by three events each time. The task occupies its slot meanwhile: a command that waits for a customer's
  // lock must not take slots from other customers' recoveries for long. Also longer than the command's own limit, which
  // Neo4j enforces (`LOCAL_COMMAND_MS`).
  startToCloseTimeout: '5s',
  retry: { maximumAttempts: 1 },
});

/**
 * Tries the activity once within the workflow task, which saves the round trip through Temporal's server; that takes
 * longer than the command. If it fails or takes too long, it runs as an ordinary activity, whose retries add no events
 * however long an outage lasts (docs/decisions/12-recovery-workflow.md).
 *
 * A lost workflow task repeats the command. The command must therefore recognise its repetition, and no message that
 * arrives meanwhile may keep the run from issuing it again.
 *
 * @param name the name of the activity `ordinary`
 */
export function localFirst<Input, Output>(
  name: string,
  ordinary: Activity<Input, Output>,
): Activity<Input, Output> {
  return async (input) => {
    try {
      return (await local[name]?.(input)) as Output;
    } catch (error) {
      // Also after a permanent refusal, so that callers get it as the failure of an ordinary activity.
      if (!(error instanceof TemporalFailure)) throw error;
      return ordinary(input);
    }
  };
}
