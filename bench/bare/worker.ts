/**
 * A worker with Persona's codec and cache size, and otherwise the SDK's defaults. `BARE_QUEUE`: its task queue;
 * `BARE_ANSWERS`: the results of its activities, as JSON; `BARE_WRITES`, if it is `fraud`: the activities write what an
 * outcome of a fraud case leaves in the graph.
 */

import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker';
import neo4j from 'neo4j-driver';
import { readCodecKeys, readTemporalEnvironment } from '../../platform/environment.ts';
import { createDataConverter, failureConverterPath } from '../../temporal/codec.ts';
import { MAX_CACHED_WORKFLOWS } from '../../temporal/worker.ts';
import { createBareActivities } from './activities.ts';
import { fraudWrites } from './fraud.ts';
import { gatewayQueueOf, noticesQueueOf } from './queues.ts';

const { BARE_ANSWERS = '{}', BARE_QUEUE = 'bare', BARE_WRITES } = process.env;
const { address, namespace } = readTemporalEnvironment(process.env);
const { NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD, NOTIFY_WEBHOOK_URL, NOTIFY_WEBHOOK_SECRET } = process.env;
// Connects only when the first statement is run.
const driver = neo4j.driver(
  String(NEO4J_URI),
  neo4j.auth.basic(String(NEO4J_USERNAME), String(NEO4J_PASSWORD)),
  { disableLosslessIntegers: true },
);
const notify = { url: String(NOTIFY_WEBHOOK_URL), secret: String(NOTIFY_WEBHOOK_SECRET) };
const activities = createBareActivities(
  JSON.parse(BARE_ANSWERS),
  BARE_WRITES === 'fraud' ? fraudWrites(driver, notify) : {},
);
const dataConverter = createDataConverter(readCodecKeys(process.env).reveal());
// With the options of Persona's workers.
const connection = await NativeConnection.connect({ address, grpcCompression: { codec: 'none' } });
const workflowBundle = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('workflows.ts', import.meta.url)),
  failureConverterPath,
});
const common = { connection, namespace, activities, dataConverter };
const workers = await Promise.all([
  Worker.create({
    ...common,
    taskQueue: BARE_QUEUE,
    workflowBundle,
    maxCachedWorkflows: MAX_CACHED_WORKFLOWS,
  }),
  Worker.create({ ...common, taskQueue: gatewayQueueOf(BARE_QUEUE) }),
  Worker.create({ ...common, taskQueue: noticesQueueOf(BARE_QUEUE) }),
]);
console.log(JSON.stringify({ ready: { queue: BARE_QUEUE } }));
await Promise.all(workers.map((worker) => worker.run()));
await Promise.all([connection.close(), driver.close()]);
