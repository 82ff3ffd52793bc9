/** Workers: the connection they poll with, and one worker per task queue with the options that all of them share. */

import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { TaskQueue, type TaskQueueName, VERSIONED_DEPLOYMENT } from '../domain/workflow-contracts.ts';
import type { PayloadKey } from '../security/payload-cipher.ts';
import type { BundleFile } from './bundle.ts';
import { reachTemporal, type TemporalAddress } from './client.ts';
import { createDataConverter } from './codec.ts';
import { activityErrorInterceptor } from './failures.ts';

/** Queues that run activities and no workflow: what waits there for others takes no slot from what needs the graph alone. */
const ACTIVITIES_ONLY: ReadonlySet<TaskQueueName> = new Set([
  TaskQueue.gateway,
  TaskQueue.gatewayRequests,
  TaskQueue.notices,
  TaskQueue.chimera,
]);

/** The connection that workers poll with; close it after the last worker has stopped. @throws PersonaError temporal_unavailable */
export async function connectWorkers(options: TemporalAddress): Promise<NativeConnection> {
  const { address, apiKey, tls } = options;
  return await reachTemporal(options, () =>
    NativeConnection.connect({
      ...{ address, apiKey, tls: tls ?? apiKey !== undefined },
      // Decision 149: most of what is sent is ciphertext.
      grpcCompression: { codec: 'none' },
    }),
  );
}

export interface QueueWorkerOptions
  extends Pick<
    WorkerOptions,
    | 'identity'
    | 'maxConcurrentActivityTaskExecutions'
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
  /** Only tasks of the version that operations have made the current one, and of runs that are pinned to this one. */
  readonly versioned?: boolean;
  readonly codecKeys: readonly PayloadKey[];
}

/** Of workers that are not versioned: nothing is routed by it. */
const DEPLOYMENT = 'persona-worker';

/**
 * How many workflows a worker keeps in memory between their tasks. The SDK's own guess is made for one worker per
 * process; here several share the heap. An evicted one is replayed from its history.
 */
export const MAX_CACHED_WORKFLOWS = 500;

/** A command of the graph that runs within its workflow's task keeps the task's slot: more than may wait at one lock there. */
const MAX_WORKFLOW_TASKS = 100;

/** A worker that does not poll yet: `run()` does. */
export async function createQueueWorker(options: QueueWorkerOptions): Promise<Worker> {
  const { queue, bundle, codecKeys, versioned = false, ...rest } = options;
  return await Worker.create({
    ...rest,
    taskQueue: queue,
    dataConverter: createDataConverter(codecKeys),
    interceptors: { activity: [activityErrorInterceptor] },
    // Named in each task that this worker completes, so that a history says which code made it.
    workerDeploymentOptions: {
      version: { deploymentName: versioned ? VERSIONED_DEPLOYMENT : DEPLOYMENT, buildId: bundle.buildId },
      ...(versioned
        ? { useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' }
        : { useWorkerVersioning: false }),
    },
    ...(ACTIVITIES_ONLY.has(queue)
      ? {}
      : {
          workflowBundle: { codePath: bundle.codePath },
          maxCachedWorkflows: MAX_CACHED_WORKFLOWS,
          maxConcurrentWorkflowTaskExecutions: MAX_WORKFLOW_TASKS,
        }),
  });
}

/**
 * Starts polling.
 *
 * @returns `stop` drains all of them and waits for the end; `failed` rejects when one cannot go on; `states` says of
 *   each queue whether it is polled
 */
export function runWorkers(workers: readonly Worker[]): {
  stop: () => Promise<void>;
  failed: Promise<never>;
  states: () => Record<string, 'up' | 'down'>;
} {
  const runs = workers.map((worker) => worker.run());
  const failed = new Promise<never>((_, reject) => {
    for (const run of runs) run.catch(reject);
  });
  // Who stops them hears of it below; without this, a failure that nobody watches would end the process.
  failed.catch(() => {});
  return {
    failed,
    states: () =>
      Object.fromEntries(
        workers.map((worker) => [worker.options.taskQueue, worker.getState() === 'RUNNING' ? 'up' : 'down']),
      ),
    async stop() {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.all(runs);
    },
  };
}
