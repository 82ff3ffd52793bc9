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

const TLS_ADDRESS = /^(bolt|neo4j)\+s(sc)?:/;

/** Checks Neo4j, its migrations, and the keys that decrypt its data. */
export async function checkGraph({ variables }: Settings): Promise<Record<string, CheckResult>> {
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
    const [migrations, keys] = await Promise.all([
      runCheck(() => checkMigrations(graph)),
      runCheck(() => checkKeys(graph, { ...environment, ...codecKeysOf(variables) })),
    ]);
    return { neo4j, migrations, keys };
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
