import type { HistoryAndWorkflowId } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import type { PayloadKey } from '../../security/payload-cipher.ts';
import type { BundleFile } from '../../temporal/bundle.ts';
import { createDataConverter } from '../../temporal/codec.ts';
import { installRuntime } from './runtime.ts';

/** Replays histories with today's workflow code; gives one line per history that it no longer agrees with. */
export async function replayHistories(
  histories: Iterable<HistoryAndWorkflowId>,
  options: { bundle: BundleFile; codecKeys: readonly PayloadKey[] },
): Promise<string[]> {
  installRuntime();
  const results = Worker.runReplayHistories(
    {
      workflowBundle: { codePath: options.bundle.codePath },
      dataConverter: createDataConverter(options.codecKeys),
    },
    histories,
  );
  const problems: string[] = [];
  for await (const { workflowId, error } of results) {
    if (error !== undefined) problems.push(`${workflowId} does not replay: ${error.message}`);
  }
  return problems;
}
