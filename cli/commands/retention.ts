/** Removes what is older than the policy keeps it, now, or counts it. */

import { beginRetention, RETAINED, retainedSince } from '../../domain/retention.ts';
import { openConfiguredGraph } from '../../graph/index.ts';
import { runRetention } from '../../graph/retention/index.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import type { CommandResult } from '../command-result.ts';
import type { Settings } from '../settings.ts';
import { table, timeText } from '../tables.ts';

/** The least time between two lines of progress. */
const PROGRESS_MS = 2_000;

/**
 * The daily run may go on meanwhile: each thing is removed once. Run again after an interruption, it removes what is left.
 * @throws EnvironmentError without the graph's keys; PersonaError graph_unavailable
 */
export async function applyRetention(
  { variables }: Settings,
  { dryRun, printStatus }: { dryRun: boolean; printStatus(line: string): void },
): Promise<CommandResult> {
  const graph = openConfiguredGraph(readGraphEnvironment(variables));
  const policy = readPolicy(variables.PERSONA_POLICY_FILE);
  let printedAt = performance.now();
  try {
    const { started, counts } = await runRetention(graph, beginRetention(Date.now()), {
      ...{ policy, dryRun },
      onProgress({ step, counts: soFar }) {
        if (step !== null && performance.now() - printedAt >= PROGRESS_MS) {
          printedAt = performance.now();
          printStatus(`${step}: ${soFar[step]}`);
        }
        return true;
      },
    });
    const items = RETAINED.map((name) => ({
      policy: name === 'metrics' ? 'catalogue.metricsFor' : `retention.${name}`,
      before: new Date(retainedSince(name, started, policy)).toISOString(),
      [dryRun ? 'due' : 'removed']: counts[name],
    }));
    const rows = RETAINED.map((name, index) => [
      items[index]?.policy ?? name,
      timeText(new Date(retainedSince(name, started, policy)).toISOString()),
      String(counts[name]),
    ]);
    const text = table(['policy', 'older than (UTC)', dryRun ? 'would go' : 'removed'], rows, '');
    return { document: { dry_run: dryRun, items }, text };
  } finally {
    await graph.close();
  }
}
