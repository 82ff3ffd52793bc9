/** `.persona/run.json`: where the parts of a running Persona answer, for other programs (specification: interfaces, 'Commands'). */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { fileURLToPath } from 'node:url';

export interface RunFile {
  /** URLs. */
  http: string;
  temporal_ui: string;
  gateway: string;
  inbox: string;
  chimera_control: string;
  /** URL of each process's metrics, by the process's name. */
  metrics: Record<string, string>;
  /** host:port, as the next ones. */
  grpc: string;
  temporal: string;
  chimera: string;
  inbox_smtp?: string;
  /** URL of the codec server that Temporal's UI asks. */
  temporal_codec?: string;
  kafka?: string;
  /** A bolt:// or neo4j:// address. */
  neo4j: string;
  neo4j_username: string;
  neo4j_password: string;
  neo4j_database: string;
  temporal_namespace: string;
  /** Of every process that was started, by its name; servers that somebody else runs are not among them. */
  pids: Record<string, number>;
}

const repository = fileURLToPath(new URL('..', import.meta.url));

/** `PERSONA_RUN_FILE`, or `.persona/run.json` in the repository's root. */
export function runFilePath(env: Record<string, string | undefined>): string {
  return resolve(repository, env.PERSONA_RUN_FILE || '.persona/run.json');
}

/**
 * Beside the run file, as `NAME=value` lines: the keys that a copy made up for itself, without which nobody else reads
 * what it sealed. Keys that were in the environment stay there alone.
 */
export function runSecretsPath(runFile: string): string {
  return `${runFile.replace(/\.json$/, '')}.env`;
}

/** What runs, or undefined if there is no run file. A file that a killed copy left behind is read like any other: see `pids`. */
export function readRunFile(path: string): RunFile | undefined {
  const text = readIfExists(path);
  return text === undefined ? undefined : JSON.parse(text);
}

/** The secrets beside a run file; empty if there are none. */
export function readRunSecrets(runFile: string): Record<string, string | undefined> {
  return parseEnv(readIfExists(runSecretsPath(runFile)) ?? '');
}

/** Whoever reads the file meanwhile finds the old content or the new one, never half of it. Only its owner may read it. */
export function writeRunFile(path: string, content: RunFile): void {
  writePrivateFile(path, `${JSON.stringify(content, null, 2)}\n`);
}

/** The same for the secrets beside it. */
export function writeRunSecrets(runFile: string, secrets: Readonly<Record<string, string>>): void {
  const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
  writePrivateFile(runSecretsPath(runFile), lines.join(''));
}

function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function writePrivateFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporaryPath = `${path}.${process.pid}`;
  writeFileSync(temporaryPath, text, { mode: 0o600 });
  renameSync(temporaryPath, path);
}
