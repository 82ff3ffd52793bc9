import { randomBytes } from 'node:crypto';
import type { HistoryAndWorkflowId } from '@temporalio/common';
import { type ReplayResult, Worker } from '@temporalio/worker';
import { workflowBundle } from '../../temporal/bundle.ts';
import { createDataConverter } from '../../temporal/codec.ts';
import { installRuntime } from './runtime.ts';

/** Seal what the tests of this process make, so that one worker can replay it all. */
export const rigCodecKeys = [{ id: 'rig', key: randomBytes(32) }];

/** To make a worker takes longer than to replay what a test made: there is one for all files that this process runs. */
let replayer: Promise<{ replay(history: HistoryAndWorkflowId): Promise<ReplayResult> }> | undefined;

/** Replays histories with today's workflow code; gives one line per history that it no longer agrees with. */
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
    // The worker takes one only when its result is asked for, and it is there then.
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next;
  }
  const results = Worker.runReplayHistories(
    { workflowBundle: { codePath }, buildId, dataConverter: createDataConverter(rigCodecKeys) },
    pendingHistories(),
  )[Symbol.asyncIterator]();
  return {
    async replay(history) {
      waiting.push(history);
      try {
        const { value, done } = await results.next();
        if (done) throw new Error('the worker that replays has ended');
        return value;
      } catch (error) {
        replayer = undefined;
        throw error;
      }
    },
  };
}
