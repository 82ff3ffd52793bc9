/** Workers: the connection that they poll with, and one worker per task queue with shared options. */

import { isGrpcServiceError } from '@temporalio/client';
import {
  type ActivityInterceptorsFactory,
  NativeConnection,
  TransportError,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { GrpcCode } from '../domain/errors.ts';
import { TaskQueue, type TaskQueueName, VERSIONED_DEPLOYMENT } from '../domain/workflow-contracts.ts';
import type { PayloadKey } from '../security/payload-cipher.ts';
import type { BundleFile } from './bundle.ts';
import type { TemporalAddress } from './address.ts';
import { reachTemporal } from './client.ts';
import { createDataConverter } from './codec.ts';
import { activityErrorInterceptor } from './failures.ts';
import { traceSinks } from './tracing.ts';

/** Queues without workflows: activities that wait for external systems take no slots from those that only need the graph. */
const ACTIVITIES_ONLY: ReadonlySet<TaskQueueName> = new Set([
  TaskQueue.gateway,
  TaskQueue.gatewayRequests,
  TaskQueue.notices,
  TaskQueue.chimera,
]);

/**
 * The connection that workers poll with; close it after the last worker has stopped.
 * @throws PersonaError temporal_unavailable
 */
export async function connectWorkers(options: TemporalAddress): Promise<NativeConnection> {
  const { address, apiKey, tls } = options;
  return await reachTemporal(options, () =>
    NativeConnection.connect({
      ...{ address, apiKey, tls: tls ?? apiKey !== undefined },
      // docs/decisions/23-workers-and-task-queues.md: most of what is sent is ciphertext.
      grpcCompression: { codec: 'none' },
    }),
  );
}

/** The codes by which Temporal refuses what only another configuration, or an operator, can change. */
const REFUSALS: ReadonlySet<number> = new Set([
  GrpcCode.INVALID_ARGUMENT,
  GrpcCode.NOT_FOUND,
  GrpcCode.PERMISSION_DENIED,
  GrpcCode.FAILED_PRECONDITION,
  GrpcCode.UNIMPLEMENTED,
  GrpcCode.UNAUTHENTICATED,
]);

/** Whether an error, or its cause, says that Temporal is not reachable now, and may be later without a change. */
export function isTemporalAway(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof TransportError) return true;
    if (isGrpcServiceError(cause)) return !REFUSALS.has(cause.code);
  }
  return false;
}

export interface QueueWorkerOptions
  extends Pick<
    WorkerOptions,
    | 'identity'
    | 'maxConcurrentActivityTaskExecutions'
    | 'maxTaskQueueActivitiesPerSecond'
    | 'shutdownForceTime'
    | 'shutdownGraceTime'
    | 'debugMode'
  > {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly queue: TaskQueueName;
  /** The activities of this queue, by name. */
  readonly activities: object;
  readonly bundle: BundleFile;
  /** Takes only tasks routed to its version: of unpinned runs while it is current, and of runs pinned to it. */
  readonly versioned?: boolean;
  readonly codecKeys: readonly PayloadKey[];
  /** In addition to the one that converts errors. */
  readonly activityInterceptors?: readonly ActivityInterceptorsFactory[];
}

/** The deployment name of unversioned workers; not used for routing. */
const DEPLOYMENT = 'persona-worker';

/**
 * How many workflows a worker caches between their tasks. The SDK's default assumes one worker per process; here several
 * share the heap. An evicted workflow is replayed from its history.
 */
export const MAX_CACHED_WORKFLOWS = 500;

/** A graph command run as a local activity occupies its workflow task's slot: allows more than can wait at one lock. */
const MAX_WORKFLOW_TASKS = 100;

/** Creates a worker; it starts polling with `run()`. */
export async function createQueueWorker(options: QueueWorkerOptions): Promise<Worker> {
  const { queue, bundle, codecKeys, activityInterceptors = [], versioned = false, ...rest } = options;
  return await Worker.create({
    ...rest,
    taskQueue: queue,
    dataConverter: createDataConverter(codecKeys),
    interceptors: { activity: [...activityInterceptors, activityErrorInterceptor] },
    sinks: traceSinks,
    // Recorded in each task that this worker completes, so that a history shows which code produced it.
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
 * @returns `stop` drains all workers and waits until they have ended; `failed` rejects when one fails; `states` says for
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
  // `stop` rethrows a failure; this avoids an unhandled rejection, which would end the process.
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
