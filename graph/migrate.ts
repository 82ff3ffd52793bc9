import { readdir, readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { Transaction } from 'neo4j-driver';
import { PersonaError } from '../domain/errors.ts';
import { isTransient, translateError } from './errors.ts';
import type { Graph } from './graph.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
/** `0001_name.cypher`: the number is the version, and the order. */
const FILE = /^(\d{4})_[a-z0-9_]+\.cypher$/;

// One process at a time: the one that holds the lock node's write lock migrates, the others wait for its commit.
const LOCK_CONSTRAINT =
  'CREATE CONSTRAINT schema_migration_version IF NOT EXISTS FOR (n:SchemaMigration) REQUIRE n.version IS UNIQUE';
const LOCK = "MERGE (lock:SchemaMigration {version: 'lock'}) SET lock.taken_at = datetime() RETURN lock";
const APPLIED = "MATCH (m:SchemaMigration) WHERE m.version <> 'lock' RETURN m.version AS version";
const RECORD = 'MERGE (m:SchemaMigration {version: $version}) SET m.name = $name, m.applied_at = datetime()';
const INDEXES_NOT_ONLINE = `
  SHOW INDEXES YIELD name, state, populationPercent WHERE state <> 'ONLINE'
  RETURN name, state, populationPercent AS percent ORDER BY name`;
/** Initial and maximum interval between two checks of an index that is being built. */
const MIN_POLL_MS = 50;
const MAX_POLL_MS = 5_000;

interface MigrateOptions {
  /** Where the migrations are. They need no downtime, so tests apply their own while commands run. */
  folder?: URL;
  /** Called with the indexes that a migration waits for, and their progress. */
  onWait?: (indexes: string) => void;
}

/**
 * Brings the schema up to date: the first process applies the missing migrations in order; the others wait and find
 * nothing to do. A migration counts as applied when its indexes are online, however long that takes; processes of the
 * previous version keep running meanwhile. An interrupted migration is run again: all are re-runnable.
 * @returns the names of the migrations applied by this call
 * @throws PersonaError graph_unavailable; internal: an index cannot be built
 */
export async function migrate(
  graph: Graph,
  { folder = FOLDER, onWait = () => {} }: MigrateOptions = {},
): Promise<string[]> {
  try {
    await runStatement(graph, LOCK_CONSTRAINT);
    return await withLock(graph, () => applyMissing(graph, folder, onWait));
  } catch (error) {
    throw translateError(error);
  }
}

/**
 * The migrations of this version that have not been applied to the graph yet, in order.
 * @throws PersonaError graph_unavailable
 */
export async function missingMigrations(graph: Graph, folder = FOLDER): Promise<string[]> {
  const rows = await graph.read<{ version: string }>(APPLIED);
  const applied = new Set(rows.map((row) => row.version));
  const files = (await readdir(folder)).filter((name) => FILE.test(name)).sort();
  return files.filter((name) => !applied.has(name.slice(0, 4)));
}

async function applyMissing(graph: Graph, folder: URL, onWait: (indexes: string) => void): Promise<string[]> {
  const missing = await missingMigrations(graph, folder);
  for (const name of missing) {
    const text = await readFile(new URL(name, folder), 'utf8');
    for (const statement of statementsOf(text)) await runStatement(graph, statement);
    await waitForIndexes(graph, onWait);
    await runStatement(graph, RECORD, { version: name.slice(0, 4), name });
  }
  return missing;
}

async function waitForIndexes(graph: Graph, onWait: (indexes: string) => void): Promise<void> {
  for (let pause = MIN_POLL_MS; ; pause = Math.min(2 * pause, MAX_POLL_MS)) {
    const indexes = await graph.read<{ name: string; state: string; percent: number }>(INDEXES_NOT_ONLINE);
    if (indexes.length === 0) return;
    const failed = indexes.filter(({ state }) => state === 'FAILED').map(({ name }) => name);
    if (failed.length > 0) {
      const message = `Neo4j could not build ${failed.join(', ')}: see SHOW INDEXES and the Neo4j log for the cause. Drop the index (DROP INDEX …) and start again`;
      throw new PersonaError('internal', message);
    }
    onWait(indexes.map(({ name, percent }) => `${name} ${Math.floor(percent)} %`).join(', '));
    await setTimeout(pause);
  }
}

/** Statements end with a semicolon at the end of a line; a comment takes a whole line. */
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
    // No limit: waiting processes wait for as long as an index takes to build.
    const lock: Transaction = await session.beginTransaction({ timeout: 0 });
    await lock.run(LOCK);
    const result = await work();
    await lock.commit();
    return result;
  } finally {
    await session.close();
  }
}

/** Two processes that create the same constraint concurrently may conflict: the next attempt finds it. */
async function runStatement(graph: Graph, cypher: string, parameters = {}, attempts = 5): Promise<void> {
  const session = graph.writeSession();
  try {
    await session.run(cypher, parameters);
  } catch (error) {
    if (attempts <= 1 || !isTransient(error)) throw error;
    await runStatement(graph, cypher, parameters, attempts - 1);
  } finally {
    await session.close();
  }
}
