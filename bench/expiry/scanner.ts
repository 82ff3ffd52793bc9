/**
 * A worker that runs only the expiry monitor, as Persona's workers do, on its own queue and at a given time, because the
 * cards of a benchmark all expire in one month. `SCAN_QUEUE`, `SCAN_NOW` (epoch milliseconds). No notice is sent.
 */

import { createExpiryActivities } from '../../activities/expiry.ts';
import { createStripeGateway } from '../../adapters/stripe/gateway.ts';
import type { TaskQueueName } from '../../domain/workflow-contracts.ts';
import { openConfiguredGraph } from '../../graph/index.ts';
import { readWorkerEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { workflowBundle } from '../../temporal/bundle.ts';
import { connectWorkers, createQueueWorker } from '../../temporal/worker.ts';

const { SCAN_QUEUE, SCAN_NOW } = process.env;
const environment = readWorkerEnvironment(process.env);
const graph = openConfiguredGraph(environment);
const { stripe, temporal } = environment;
const connection = await connectWorkers({ ...temporal, apiKey: temporal.apiKey?.reveal() });
const worker = await createQueueWorker({
  connection,
  namespace: temporal.namespace,
  queue: SCAN_QUEUE as TaskQueueName,
  codecKeys: environment.codecKeys.reveal(),
  bundle: await workflowBundle({ prebuiltOnly: false }),
  activities: createExpiryActivities({
    graph,
    gateway: createStripeGateway({ ...stripe, apiKey: stripe.apiKey.reveal() }),
    // The rate limit for the gateway is not part of the measurement.
    policy: { ...readPolicy(), gateway: { maxPerSecond: Number.MAX_SAFE_INTEGER } },
    signalRecoveries: async () => {},
    followChange: async () => {},
    startNotice: async () => true,
    countCards: () => {},
    now: () => Number(SCAN_NOW),
  }),
});
console.log(JSON.stringify({ ready: { queue: String(SCAN_QUEUE) } }));
await worker.run();
await Promise.all([connection.close(), graph.close()]);
