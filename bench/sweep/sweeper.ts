/** A worker of the sweep alone, as Persona's workers run it, on a queue of its own: `SWEEP_QUEUE`. What it starts, stays unserved. */

import { createSweepActivities } from '../../activities/sweep.ts';
import type { TaskQueueName } from '../../domain/processes.ts';
import { openConfiguredGraph } from '../../graph/index.ts';
import { readWorkerEnvironment } from '../../platform/environment.ts';
import { workflowBundle } from '../../temporal/bundle.ts';
import { connectTemporal } from '../../temporal/client.ts';
import { sweepStarts } from '../../temporal/sweep-starts.ts';
import { connectWorkers, createQueueWorker } from '../../temporal/worker.ts';

const { SWEEP_QUEUE } = process.env;
const environment = readWorkerEnvironment(process.env);
const graph = openConfiguredGraph(environment);
const codecKeys = environment.codecKeys.reveal();
const address = { ...environment.temporal, apiKey: environment.temporal.apiKey?.reveal() };
const client = await connectTemporal({ ...address, codecKeys });
const connection = await connectWorkers(address);
const worker = await createQueueWorker({
  connection,
  namespace: address.namespace,
  queue: SWEEP_QUEUE as TaskQueueName,
  codecKeys,
  bundle: await workflowBundle({ prebuiltOnly: false }),
  activities: createSweepActivities({
    graph,
    ...sweepStarts(client),
    now: Date.now,
  }),
});
console.log(JSON.stringify({ ready: { queue: String(SWEEP_QUEUE) } }));
await worker.run();
await Promise.all([connection.close(), client.connection.close(), graph.close()]);
