/**
 * The test rig: Temporal, workers and the production codec for one test. When the test has finished it replays every
 * history of the test, and fails if one does not replay or an execution is still open.
 */

import type { Client } from '@temporalio/client';
import { onTestFinished, vi } from 'vitest';
import { TaskQueue, type TaskQueueName } from '../../domain/workflow-contracts.ts';
import { workflowBundle } from '../../temporal/bundle.ts';
import { createQueueWorker, runWorkers } from '../../temporal/worker.ts';
import { collectExecutions, type Execution, recordStarts, unexpectedStates } from './executions.ts';
import { writeHistories } from './histories.ts';
import { replayHistories, rigCodecKeys as codecKeys } from './replay.ts';
import { installRuntime } from './runtime.ts';
import { openNamespace, startTimeSkippingServer } from './server.ts';

export interface TestRigOptions {
  /**
   * Each queue named here gets a worker with these activities; fakes throw PersonaErrors as real ones do. The
   * downstream queues of its workflows get the same, unless they are named, too.
   */
  readonly activities: Partial<Record<TaskQueueName, object>>;
  /** Default: a dedicated time-skipping server. `dev`: a dedicated namespace of the real server at TEMPORAL_ADDRESS. */
  readonly server?: 'time-skipping' | 'dev';
}

export interface TestRig {
  /** Executions started through this client, in any way, are replayed at the end. */
  readonly client: Client;
  readonly namespace: string;
  /** Waits that many milliseconds of the server's time; returns immediately where time can be skipped. */
  sleep(ms: number): Promise<void>;
  /** The server's clock, in epoch milliseconds. */
  now(): Promise<number>;
  /** Starts further workers, as after an outage; they stop with the others. */
  startWorkers(activities: TestRigOptions['activities']): Promise<void>;
  /** This execution will be open when the test ends, for this reason; it is terminated then. */
  leaveOpen(workflowId: string, reason: string): void;
}

/** The queues that the workflows of a queue wait for. */
const DOWNSTREAM_QUEUES: Partial<Record<TaskQueueName, readonly TaskQueueName[]>> = {
  [TaskQueue.onboarding]: [TaskQueue.gatewayRequests, TaskQueue.chimera],
  [TaskQueue.recovery]: [TaskQueue.gatewayRequests, TaskQueue.notices, TaskQueue.chimera],
  [TaskQueue.fraud]: [TaskQueue.notices],
};

function withDownstreamQueues(activities: TestRigOptions['activities']): TestRigOptions['activities'] {
  const downstream = Object.entries(activities).flatMap(([queue, implementations]) =>
    (DOWNSTREAM_QUEUES[queue as TaskQueueName] ?? []).map((other) => [other, implementations]),
  );
  return { ...Object.fromEntries(downstream), ...activities };
}

/** Its hash is that of every source: shared by the tests of this process. */
let currentBundle: ReturnType<typeof workflowBundle> | undefined;

/** How long stopping workers let fake activities finish, and when they abandon one that never does. */
const SHUTDOWN_GRACE_MS = 2_000;
const SHUTDOWN_FORCE_MS = 4_000;

/**
 * Call it inside a test; everything is checked and stopped when the test finishes, passed or not.
 *
 * The time-skipping server skips time only while a client waits for a workflow's result, or in `rig.sleep`: not while
 * one waits for an update's result.
 */
export async function createTestRig(options: TestRigOptions): Promise<TestRig> {
  installRuntime();
  const bundle = await (currentBundle ??= workflowBundle());
  const { interceptor, started } = recordStarts();
  const open = options.server === 'dev' ? openNamespace : startTimeSkippingServer;
  const server = await open({ codecKeys, interceptor });
  const expectedOpen = new Map<string, string>();

  const start = async (activities: TestRigOptions['activities']): Promise<ReturnType<typeof runWorkers>> => {
    const workers = await Promise.all(
      Object.entries(withDownstreamQueues(activities)).map(([queue, implementations]) =>
        createQueueWorker({
          connection: server.connection,
          namespace: server.namespace,
          queue: queue as TaskQueueName,
          activities: implementations,
          bundle,
          codecKeys,
          // In this thread: a thread for each test's workers would load the SDK each time, a third of a second.
          debugMode: true,
          shutdownGraceTime: SHUTDOWN_GRACE_MS,
          shutdownForceTime: SHUTDOWN_FORCE_MS,
        }),
      ),
    );
    return runWorkers(workers);
  };
  const running = [await start(options.activities)];
  onTestFinished(async () => {
    try {
      await Promise.all(running.map((workers) => workers.stop()));
      const executions = await collectExecutions(server.client, started);
      const problems = [
        ...unexpectedStates(executions, expectedOpen),
        ...(await replayHistories(executions)),
      ];
      await terminateOpen(server.client, executions);
      await writeHistories(executions, codecKeys);
      if (problems.length > 0) throw new Error(problems.join('\n'));
    } finally {
      await server.close();
    }
  });

  return {
    client: server.client,
    namespace: server.namespace,
    sleep: server.sleep,
    now: server.now,
    async startWorkers(activities) {
      running.push(await start(activities));
    },
    leaveOpen: (workflowId, reason) => void expectedOpen.set(workflowId, reason),
  };
}

/**
 * Repeats a check until it no longer throws, and returns its result.
 *
 * @param limitMs real time, after which the last error is thrown
 */
export async function eventually<T>(check: () => T | Promise<T>, limitMs = 60_000): Promise<T> {
  return await vi.waitFor(check, { timeout: limitMs, interval: 20 });
}

async function terminateOpen(client: Client, executions: readonly Execution[]): Promise<void> {
  const open = executions.filter((execution) => execution.open);
  await Promise.all(
    open.map(({ workflowId, runId }) =>
      client.workflow.getHandle(workflowId, runId).terminate('The test has ended'),
    ),
  );
}
