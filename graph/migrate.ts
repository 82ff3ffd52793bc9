import { readdir, readFile } from 'node:fs/promises';
import type { Transaction } from 'neo4j-driver';
import { isWorthRepeating, translated } from './errors.ts';
import type { Graph } from './graph.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
/** `0001_name.cypher`: the number is the version, and the order. */
const FILE = /^(\d{4})_[a-z0-9_]+\.cypher$/;

// One process at a time: whoever holds the lock node's write lock migrates, the others wait for its commit.
const LOCK_CONSTRAINT =
  'CREATE CONSTRAINT schema_migration_version IF NOT EXISTS FOR (n:SchemaMigration) REQUIRE n.version IS UNIQUE';
const LOCK = "MERGE (lock:SchemaMigration {version: 'lock'}) SET lock.taken_at = datetime() RETURN lock";
const APPLIED = "MATCH (m:SchemaMigration) WHERE m.version <> 'lock' RETURN m.version AS version";
const RECORD = 'MERGE (m:SchemaMigration {version: $version}) SET m.name = $name, m.applied_at = datetime()';
const AWAIT_INDEXES = 'CALL db.awaitIndexes(300)';

/**
 * Brings the schema up to date: applies what is missing, in order, whoever comes first; later comers wait and find
 * nothing to do. A migration that broke off half-way is simply run again: each is re-runnable.
 * @param folder - where the migrations are; they need no downtime, so tests bring others while commands go on
 * @returns the names of the migrations applied now
 * @throws PersonaError graph_unavailable
 */
export async function migrate(graph: Graph, folder = FOLDER): Promise<string[]> {
  try {
    await runStatement(graph, LOCK_CONSTRAINT);
    return await withLock(graph, () => applyMissing(graph, folder));
  } catch (error) {
    throw translated(error);
  }
}

/**
 * The migrations that this version brings and the graph has not seen yet, in order.
 * @throws PersonaError graph_unavailable
 */
export async function missingMigrations(graph: Graph, folder = FOLDER): Promise<string[]> {
  const rows = await graph.read<{ version: string }>(APPLIED);
  const applied = new Set(rows.map((row) => row.version));
  const files = (await readdir(folder)).filter((name) => FILE.test(name)).sort();
  return files.filter((name) => !applied.has(name.slice(0, 4)));
}

async function applyMissing(graph: Graph, folder: URL): Promise<string[]> {
  const missing = await missingMigrations(graph, folder);
  for (const name of missing) {
    const text = await readFile(new URL(name, folder), 'utf8');
    for (const statement of statementsOf(text)) await runStatement(graph, statement);
    await runStatement(graph, RECORD, { version: name.slice(0, 4), name });
  }
  if (missing.length > 0) await runStatement(graph, AWAIT_INDEXES);
  return missing;
}

/** Statements end with a semicolon at the end of a line; a comment is a line of its own. */
export function statementsOf(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('//'))
    .join('\n')
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

async function withLock<T>(graph: Graph, work: () => Promise<T>): Promise<T> {
  const session = graph.writeSession();
  try {
    const lock: Transaction = await session.beginTransaction();
    await lock.run(LOCK);
    const result = await work();
    await lock.commit();
    return result;
  } finally {
    await session.close();
  }
}

/** Two processes that create the same constraint at once may trip over each other: the second attempt finds it. */
async function runStatement(graph: Graph, cypher: string, parameters = {}, attempts = 5): Promise<void> {
  const session = graph.writeSession();
  try {
    await session.run(cypher, parameters);
  } catch (error) {
    if (attempts <= 1 || !isWorthRepeating(error)) throw error;
    await runStatement(graph, cypher, parameters, attempts - 1);
  } finally {
    await session.close();
  }
}
