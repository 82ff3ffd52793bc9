import { setTimeout } from 'node:timers/promises';
import { flushSharedContexts } from '../../adapters/redis/flush.ts';
import type { Rebuildable } from '../../domain/projections.ts';
import { type Graph, openConfiguredGraph } from '../../graph/index.ts';
import { type ContextRebuild, readContextRebuild, requestContextRebuild } from '../../graph/outbox/index.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { commonVariables } from '../../platform/variables.ts';
import { getProjectionStates } from '../../services/projections.ts';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';
import { table } from '../tables.ts';

const POLL_MS = 200;
/** The least time between two lines of progress. */
const PROGRESS_MS = 2_000;

/**
 * What is derived from the log, how far it may be behind, and whether the policy allows that.
 * @returns exit code 1, if a projection is later than the policy allows
 * @throws EnvironmentError, PolicyError; PersonaError graph_unavailable
 */
export async function listProjections(settings: Settings): Promise<CommandResult> {
  const policy = readPolicy(settings.variables.PERSONA_POLICY_FILE);
  return withGraph(settings, async (graph) => {
    const items = await getProjectionStates(graph, policy);
    const rows = items.map(({ name, lag, max_lag_seconds, state, rebuild }) => [
      name,
      lag?.events ?? '–',
      lag === undefined ? '–' : lag.seconds.toFixed(1),
      max_lag_seconds,
      state === 'late' ? 'LATE' : state,
      rebuild ?? '–',
    ]);
    const headings = ['projection', 'lag (events)', 'lag (s)', 'allowed (s)', 'state', 'rebuild'];
    const isLate = items.some(({ state }) => state === 'late');
    return {
      document: { items },
      text: `${table(headings, rows, '')}\nEach lag is what a projection may lack at most.`,
      ...(isLate && { exitCode: ExitCode.failed }),
    };
  });
}

/**
 * Builds a projection again while all others, and it itself, serve.
 * @throws EnvironmentError, PolicyError; CliFailure: it is not used here; PersonaError graph_unavailable
 */
export async function rebuildProjection(
  settings: Settings,
  projection: Rebuildable,
  printStatus: (line: string) => void,
): Promise<CommandResult> {
  return projection === 'context-cache' ? flushCache(settings) : rebuildContexts(settings, printStatus);
}

/** The relay does it: this only asks for it, and watches. */
async function rebuildContexts(
  settings: Settings,
  printStatus: (line: string) => void,
): Promise<CommandResult> {
  return withGraph(settings, async (graph) => {
    const requested = await requestContextRebuild(graph);
    if (requested === undefined)
      throw new CliFailure(
        ExitCode.failed,
        'Nothing was ever published: start a worker with KAFKA_BROKERS, which publishes every context',
      );
    let printedAt = -Infinity;
    let rebuild: ContextRebuild | undefined = requested;
    while (rebuild?.id === requested.id) {
      if (performance.now() - printedAt > PROGRESS_MS) {
        printedAt = performance.now();
        printStatus(
          `${rebuild.published} contexts published; it continues in the worker if you stop waiting`,
        );
      }
      await setTimeout(POLL_MS);
      rebuild = await readContextRebuild(graph);
    }
    return {
      document: { projection: 'customer-context' },
      text: "Every customer's newest context is published again.",
    };
  });
}

async function flushCache({ variables }: Settings): Promise<CommandResult> {
  const url = commonVariables.REDIS_URL.parse(variables.REDIS_URL);
  if (url === undefined)
    throw new CliFailure(
      ExitCode.failed,
      'Without REDIS_URL no API process can be notified: restart them, or wait for context.maxOutageStalenessMs',
    );
  const { context } = readPolicy(variables.PERSONA_POLICY_FILE);
  const discarded = await flushSharedContexts(url.reveal(), context.maxStalenessMs);
  return {
    document: { projection: 'context-cache', discarded },
    text: `${discarded} shared contexts were discarded, and every API process was notified to discard its own.`,
  };
}

async function withGraph(
  settings: Settings,
  work: (graph: Graph) => Promise<CommandResult>,
): Promise<CommandResult> {
  const graph = openConfiguredGraph(readGraphEnvironment(settings.variables));
  try {
    return await work(graph);
  } finally {
    await graph.close();
  }
}
