import { admitKeys, openConfiguredGraph } from '../../graph/index.ts';
import { replayInto } from '../../graph/replay/replay-into.ts';
import { verifyAll } from '../../graph/replay/verify.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import type { CommandResult } from '../command-result.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';

/**
 * Rebuilds this graph from its log in another, empty Neo4j, and verifies the copy against the log.
 * @param uri of the other Neo4j; its user, password and database are this one's, unless `PERSONA_REPLAY_PASSWORD` sets
 * another password
 * @param onProgress receives the number of events written so far
 * @throws EnvironmentError without the keys that open the log; PersonaError graph_not_empty, graph_unavailable
 */
export async function replay(
  settings: Settings,
  uri: string,
  onProgress: (events: number) => void,
): Promise<CommandResult> {
  const environment = readGraphEnvironment(settings.variables);
  const password = settings.variables.PERSONA_REPLAY_PASSWORD;
  const source = openConfiguredGraph(environment);
  const target = openConfiguredGraph(environment, { uri, ...(password !== undefined && { password }) });
  try {
    const totals = await replayInto(source, target, { onProgress });
    await admitKeys(target, environment);
    const { differences } = await verifyAll(target, { onDifference: () => {} });
    const built = `${totals.events} events, ${totals.customers} customers, ${totals.devices} devices`;
    return differences === 0
      ? {
          document: { ...totals, differences },
          text: `Rebuilt at ${uri}: ${built}. It matches the event log.`,
        }
      : {
          document: { ...totals, differences },
          text: `Rebuilt at ${uri}: ${built}. It does not match the event log: ${differences} differences; persona verify --all lists them.`,
          exitCode: ExitCode.failed,
        };
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}
