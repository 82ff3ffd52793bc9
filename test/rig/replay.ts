import { randomBytes } from 'node:crypto';
import type { HistoryAndWorkflowId } from '@temporalio/common';
import { type ReplayResult, Worker } from '@temporalio/worker';
import { workflowBundle } from '../../temporal/bundle.ts';
import { createDataConverter } from '../../temporal/codec.ts';
import { traceSinks } from '../../temporal/tracing.ts';
import { installRuntime } from './runtime.ts';

/** Shared by the tests of this process, so that one worker can replay all their histories. */
export const rigCodecKeys = [{ id: 'rig', key: randomBytes(32) }];

/** Creating a worker takes longer than replaying a test's histories: all files of this process share one. */
let replayer: Promise<{ replay(history: HistoryAndWorkflowId): Promise<ReplayResult> }> | undefined;

/** Replays histories with the current workflow code. @returns one line per history that does not replay */
export async function replayHistories(histories: Iterable<HistoryAndWorkflowId>): Promise<string[]> {
  replayer ??= startReplayer();
  const { replay } = await replayer;
  const problems: string[] = [];
  for (const history of histories) {
    const { workflowId, error } = await replay(history);
    if (error !== undefined) problems.push(`${workflowId} does not replay: ${error.message}`);
  }
  return problems;
}

async function startReplayer(): Promise<Awaited<NonNullable<typeof replayer>>> {
  installRuntime();
  const { codePath, buildId } = await workflowBundle();
  const waiting: HistoryAndWorkflowId[] = [];
  async function* pendingHistories(): AsyncGenerator<HistoryAndWorkflowId> {
    // The worker reads one only when its result is requested, and by then it has been pushed.
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next;
  }
  const results = Worker.runReplayHistories(
    {
      workflowBundle: { codePath },
      buildId,
      dataConverter: createDataConverter(rigCodecKeys),
      sinks: traceSinks,
    },
    pendingHistories(),
  )[Symbol.asyncIterator]();
  return {
    async replay(history) {
      waiting.push(history);
      try {
        const { value, done } = await results.next();
        if (done) throw new Error('the replay worker has ended');
        return value;
      } catch (error) {
        replayer = undefined;
        throw error;
      }
    },
  };
}
