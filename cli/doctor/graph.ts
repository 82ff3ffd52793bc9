import {
  type Graph,
  missingMigrations,
  openConfiguredGraph,
  refusedKeys,
  unreadableKeys,
} from '../../graph/index.ts';
import { type GraphEnvironment, readGraphEnvironment } from '../../platform/environment.ts';
import type { Settings } from '../settings.ts';
import { examine, type Finding, ok, wrong } from './check.ts';

/** Neo4j, its schema, and the keys that open what it holds. */
export async function examineGraph({ variables }: Settings): Promise<Record<string, Finding>> {
  let graph: Graph;
  let environment: GraphEnvironment;
  try {
    environment = readGraphEnvironment(variables);
    graph = openConfiguredGraph(environment);
  } catch (error) {
    return { neo4j: await examine(() => Promise.reject(error)) };
  }
  try {
    const neo4j = await examine(async () => {
      await graph.verifyConnectivity();
      return ok(`answers at ${variables.NEO4J_URI}`);
    });
    if (neo4j.state !== 'ok') return { neo4j };
    const [migrations, keys] = await Promise.all([
      examine(() => examineMigrations(graph)),
      examine(() => examineKeys(graph, environment)),
    ]);
    return { neo4j, migrations, keys };
  } finally {
    await graph.close();
  }
}

async function examineMigrations(graph: Graph): Promise<Finding> {
  const missing = await missingMigrations(graph);
  return missing.length === 0
    ? ok('all applied')
    : wrong(
        `not applied: ${missing.join(', ')}`,
        'Start an API or a worker of this version: it applies them',
      );
}

async function examineKeys(graph: Graph, environment: GraphEnvironment): Promise<Finding> {
  const refused = await refusedKeys(graph, environment);
  const problems = refused.length > 0 ? refused : await unreadableKeys(graph);
  return problems.length === 0
    ? ok('open what the graph holds')
    : wrong(
        problems.join('; '),
        'Set PERSONA_KEYS and PERSONA_BLIND_KEYS to the rings that the graph was written with; older keys come after the first',
      );
}
