import {
  type Graph,
  missingMigrations,
  openConfiguredGraph,
  checkKeys as checkRingKeys,
  findKeyProblems,
} from '../../graph/index.ts';
import {
  type CommonEnvironment,
  type GraphEnvironment,
  readCodecKeys,
  readGraphEnvironment,
} from '../../platform/environment.ts';
import type { Settings, Variables } from '../settings.ts';
import { runCheck, type CheckResult, ok, wrong } from './check.ts';
import { checkOutbox } from './kafka.ts';

const TLS_ADDRESS = /^(bolt|neo4j)\+s(sc)?:/;

/** Checks Neo4j, its migrations, the keys that decrypt its data, and how far publishing its events is behind. */
export async function checkGraph(settings: Settings): Promise<Record<string, CheckResult>> {
  const { variables } = settings;
  let graph: Graph;
  let environment: GraphEnvironment;
  try {
    environment = readGraphEnvironment(variables);
    graph = openConfiguredGraph(environment);
  } catch (error) {
    return { neo4j: await runCheck(() => Promise.reject(error)) };
  }
  try {
    const neo4j = await runCheck(async () => {
      await graph.verifyConnectivity();
      const by = TLS_ADDRESS.test(variables.NEO4J_URI ?? '') ? 'with TLS' : 'without TLS';
      return ok(`reachable at ${variables.NEO4J_URI} ${by}`);
    });
    if (neo4j.state !== 'ok') return { neo4j };
    const [migrations, keys, outbox] = await Promise.all([
      runCheck(() => checkMigrations(graph)),
      runCheck(() => checkKeys(graph, { ...environment, ...codecKeysOf(variables) })),
      checkOutbox(graph, settings),
    ]);
    return { neo4j, migrations, keys, ...outbox };
  } finally {
    await graph.close();
  }
}

async function checkMigrations(graph: Graph): Promise<CheckResult> {
  const missing = await missingMigrations(graph);
  return missing.length === 0
    ? ok('all applied')
    : wrong(
        `not applied: ${missing.join(', ')}`,
        'Start an API or a worker of this version, which applies them',
      );
}

/** Without them, or with malformed ones, the check of the codec's keys says so. */
function codecKeysOf(variables: Variables): { codecKeys?: CommonEnvironment['codecKeys'] } {
  try {
    return { codecKeys: readCodecKeys(variables) };
  } catch {
    return {};
  }
}

async function checkKeys(
  graph: Graph,
  environment: GraphEnvironment & { codecKeys?: CommonEnvironment['codecKeys'] },
): Promise<CheckResult> {
  const refused = await checkRingKeys(graph, environment);
  const problems = refused.length > 0 ? refused : await findKeyProblems(graph);
  return problems.length === 0
    ? ok("match the graph's data")
    : wrong(
        problems.join('; '),
        'Set PERSONA_KEYS, PERSONA_BLIND_KEYS and TEMPORAL_CODEC_KEYS to the key rings that the graph was written with; older keys follow the first',
      );
}
