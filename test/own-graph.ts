/** A graph for one test file alone, which reads, replays or publishes all of it. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import neo4j from 'neo4j-driver';
import { startGuard } from '../dev/stack/guard.ts';
import { startStack } from '../dev/stack/stack.ts';

export interface OwnGraph {
  /** `NEO4J_URI`, `NEO4J_USERNAME` and `NEO4J_PASSWORD`. */
  readonly variables: Readonly<Record<'NEO4J_URI' | 'NEO4J_USERNAME' | 'NEO4J_PASSWORD', string>>;
  /** Call it after everything that uses the graph has ended. */
  close(): Promise<void>;
}

const EVERYTHING = `
  MATCH (n) WHERE NOT n:SchemaMigration
  CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS`;

/**
 * The Neo4j that `npm test` has started, emptied now and by `close`: one file at a time uses it. A new one would plan every
 * statement anew, which takes half a minute of processor time. A Neo4j from outside is left alone: a new one is started.
 */
export async function openOwnGraph(): Promise<OwnGraph> {
  const { NEO4J_URI, PERSONA_EMPTIED_NEO4J } = process.env;
  if (NEO4J_URI === undefined || NEO4J_URI !== PERSONA_EMPTIED_NEO4J) return startNeo4j();
  const variables = variablesOf(process.env);
  await empty(variables);
  return { variables, close: () => empty(variables) };
}

async function startNeo4j(): Promise<OwnGraph> {
  const guard = startGuard();
  const { env } = await startStack({
    servers: ['neo4j'],
    folder: mkdtempSync(join(tmpdir(), 'persona-graph-')),
    guard,
    log: () => {},
    env: { ...process.env, NEO4J_URI: undefined },
  });
  return { variables: variablesOf(env), close: () => guard.stop() };
}

function variablesOf(env: Record<string, string | undefined>): OwnGraph['variables'] {
  const { NEO4J_URI = '', NEO4J_USERNAME = '', NEO4J_PASSWORD = '' } = env;
  return { NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD };
}

async function empty({ NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD }: OwnGraph['variables']): Promise<void> {
  const driver = neo4j.driver(NEO4J_URI, neo4j.auth.basic(NEO4J_USERNAME, NEO4J_PASSWORD));
  const session = driver.session();
  try {
    // The driver's own transactions cannot contain others.
    await session.run(EVERYTHING);
  } finally {
    await session.close();
    await driver.close();
  }
}
