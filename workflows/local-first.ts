/** Short commands of the graph, carried out within the workflow task instead of by a task of their own. */

import { proxyLocalActivities, TemporalFailure } from '@temporalio/workflow';

type Activity<Input, Output> = (input: Input) => Promise<Output>;

const local = proxyLocalActivities<Record<string, Activity<unknown, unknown>>>({
  // Longer than a transaction takes on a busy machine, and shorter than the eight seconds after which a workflow task has
  // to be renewed, by three events each time. The task keeps its slot meanwhile: what waits for a customer's lock that is
  // held elsewhere must not keep the slots from other customers' recoveries for long.
  // Longer than their commands may take there, and Neo4j needs to notice (`LOCAL_COMMAND_MS`).
  startToCloseTimeout: '5s',
  retry: { maximumAttempts: 1 },
});

/**
 * The activity, tried once within the workflow task: no task and no answer has to go by way of Temporal's server, which
 * takes longer than the command. What does not succeed at once becomes an ordinary activity, whose retries leave no
 * events however long an outage lasts (decision 175).
 *
 * A workflow task that is lost repeats the command: it has to recognise its repetition, and nothing that comes meanwhile
 * may keep the run from asking for it again.
 *
 * @param name of the activity, as `ordinary` has it
 */
export function localFirst<Input, Output>(
  name: string,
  ordinary: Activity<Input, Output>,
): Activity<Input, Output> {
  return async (input) => {
    try {
      return (await local[name]?.(input)) as Output;
    } catch (error) {
      // Also what is refused for good: the ordinary activity says so in the way that its callers know.
      if (!(error instanceof TemporalFailure)) throw error;
      return ordinary(input);
    }
  };
}
