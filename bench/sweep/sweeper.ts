/**
 * A worker that runs only the sweep, as Persona's workers do, on its own queue: `SWEEP_QUEUE`. The runs that it starts are
 * not served. After each sweep it prints the time spent so far, by kind of call.
 */

import { createSweepActivities } from '../../activities/sweep.ts';
import type { TaskQueueName } from '../../domain/workflow-contracts.ts';
import { openConfiguredGraph } from '../../graph/index.ts';
import { readWorkerEnvironment } from '../../platform/environment.ts';
import { workflowBundle } from '../../temporal/bundle.ts';
import { connectTemporal } from '../../temporal/client.ts';
import { createSweepClient } from '../../temporal/sweep-client.ts';
import { connectWorkers, createQueueWorker } from '../../temporal/worker.ts';
import type { SweepActivities } from '../../workflows/sweep-obligations.ts';
import type { TimeSpent } from './benchmark.ts';
import { createStopwatch } from './stopwatch.ts';

const { SWEEP_QUEUE } = process.env;
const environment = readWorkerEnvironment(process.env);
const graph = openConfiguredGraph(environment);
const codecKeys = environment.codecKeys.reveal();
const address = { ...environment.temporal, apiKey: environment.temporal.apiKey?.reveal() };
const client = await connectTemporal({ ...address, codecKeys });
const connection = await connectWorkers(address);
const [cypher, lists, starts] = [createStopwatch(), createStopwatch(), createStopwatch()];
const { listRunningRecoveries, resumeRecovery, ...otherStarts } = createSweepClient(client);
const sweep = createSweepActivities({
  graph: { ...graph, read: (...args) => cypher.around(() => graph.read(...args)) },
  ...otherStarts,
  listRunningRecoveries: (ids) => lists.around(() => listRunningRecoveries(ids)),
  resumeRecovery: (id) => starts.around(() => resumeRecovery(id)),
  now: Date.now,
});
const worker = await createQueueWorker({
  connection,
  namespace: address.namespace,
  queue: SWEEP_QUEUE as TaskQueueName,
  codecKeys,
  bundle: await workflowBundle({ prebuiltOnly: false }),
  activities: {
    ...sweep,
    // The last activity of each sweep.
    async sweepFraudReviews(input) {
      const page = await sweep.sweepFraudReviews(input);
      const spent: TimeSpent = { cypher: cypher.total, lists: lists.total, starts: starts.total };
      console.log(JSON.stringify({ spent }));
      return page;
    },
  } satisfies SweepActivities,
});
console.log(JSON.stringify({ ready: { queue: String(SWEEP_QUEUE) } }));
await worker.run();
await Promise.all([connection.close(), client.connection.close(), graph.close()]);
