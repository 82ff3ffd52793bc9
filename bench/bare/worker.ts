/**
 * A worker with Persona's codec, as many workflows in its cache, the SDK's other options as they are, and nothing of
 * Persona else. `BARE_QUEUE`: where
 * it works; `BARE_ANSWERS`: what its activities answer, as JSON.
 */

import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker';
import { readCodecKeys, readTemporalEnvironment } from '../../platform/environment.ts';
import { createDataConverter, failureConverterPath } from '../../temporal/codec.ts';
import { MAX_CACHED_WORKFLOWS } from '../../temporal/worker.ts';
import { createBareActivities } from './activities.ts';
import { gatewayQueueOf } from './queues.ts';

const { BARE_ANSWERS = '{}', BARE_QUEUE = 'bare' } = process.env;
const { address, namespace } = readTemporalEnvironment(process.env);
const activities = createBareActivities(JSON.parse(BARE_ANSWERS));
const dataConverter = createDataConverter(readCodecKeys(process.env).reveal());
const connection = await NativeConnection.connect({ address });
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
]);
console.log(JSON.stringify({ ready: { queue: BARE_QUEUE } }));
await Promise.all(workers.map((worker) => worker.run()));
await connection.close();
