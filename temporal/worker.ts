/** Workers: the connection they poll with, and one worker per task queue with the options that all of them share. */

import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { TaskQueue, type TaskQueueName } from '../domain/processes.ts';
import type { PayloadKey } from '../security/payload-cipher.ts';
import type { BundleFile } from './bundle.ts';
import { reachTemporal, type TemporalAddress } from './client.ts';
import { createDataConverter } from './codec.ts';
import { activityErrors } from './failures.ts';

/** Queues that run activities and no workflow: their rate limit is one for the whole cluster, their slots are few. */
const ACTIVITIES_ONLY: ReadonlySet<TaskQueueName> = new Set([TaskQueue.gateway]);

/** The connection that workers poll with; close it after the last worker has stopped. @throws PersonaError temporal_unavailable */
export async function connectWorkers(options: TemporalAddress): Promise<NativeConnection> {
  const { address, apiKey, tls } = options;
  return await reachTemporal(options, () =>
    NativeConnection.connect({ address, apiKey, tls: tls ?? apiKey !== undefined }),
  );
}

export interface QueueWorkerOptions
  extends Pick<
    WorkerOptions,
    | 'buildId'
    | 'identity'
    | 'maxTaskQueueActivitiesPerSecond'
    | 'shutdownForceTime'
    | 'shutdownGraceTime'
    | 'workflowThreadPoolSize'
  > {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly queue: TaskQueueName;
  /** The activities of this queue, by name. */
  readonly activities: object;
  readonly bundle: BundleFile;
  readonly codecKeys: readonly PayloadKey[];
}

/** A worker that does not poll yet: `run()` does. */
export async function createQueueWorker(options: QueueWorkerOptions): Promise<Worker> {
  const { queue, bundle, codecKeys, ...rest } = options;
  return await Worker.create({
    ...rest,
    taskQueue: queue,
    dataConverter: createDataConverter(codecKeys),
    interceptors: { activity: [activityErrors] },
    ...(ACTIVITIES_ONLY.has(queue) ? {} : { workflowBundle: bundle }),
  });
}
