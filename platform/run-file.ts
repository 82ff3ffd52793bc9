/** `.persona/run.json`: the addresses of a running Persona, for other programs (docs/reference/interfaces.md, 'Run file'). */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { RunAccess } from './run-access.ts';

export interface RunFile {
  /** URLs. */
  http: string;
  temporal_ui: string;
  gateway: string;
  inbox: string;
  chimera_control: string;
  /** The simulated model. */
  model: string;
  /** URL of each process's metrics, by process name. */
  metrics: Record<string, string>;
  /** host:port, as are the next ones. */
  grpc: string;
  temporal: string;
  chimera: string;
  inbox_smtp?: string;
  /** host:port; absent: nothing is published. */
  kafka?: string;
  /** URL of the codec server that Temporal's UI uses. */
  temporal_codec?: string;
  /** A bolt:// or neo4j:// address. */
  neo4j: string;
  neo4j_username: string;
  neo4j_password: string;
  neo4j_database: string;
  temporal_namespace: string;
  /** The file of the erasure journal. */
  erasure_journal: string;
  /** How to call Persona; absent under PERSONA_INSECURE. */
  auth?: RunAccess;
  /** Ids of the started processes, by name; external servers are not included. */
  pids: Record<string, number>;
}

const repository = fileURLToPath(new URL('..', import.meta.url));

/** `PERSONA_RUN_FILE`, or `.persona/run.json` in the repository's root. */
export function runFilePath(env: Record<string, string | undefined>): string {
  return resolve(repository, env.PERSONA_RUN_FILE || '.persona/run.json');
}

/**
 * Next to the run file, as `NAME=value` lines: the keys that a running Persona has generated, without which its sealed
 * data cannot be read. Keys given by the environment are not written.
 */
export function runSecretsPath(runFile: string): string {
  return `${runFile.replace(/\.json$/, '')}.env`;
}

/** The run file, or undefined if there is none. The file may be left over from a killed stack: check `pids`. */
export function readRunFile(path: string): RunFile | undefined {
  const text = readIfExists(path);
  return text === undefined ? undefined : JSON.parse(text);
}

/** The secrets next to a run file; empty if there are none. */
export function readRunSecrets(runFile: string): Record<string, string | undefined> {
  return parseEnv(readIfExists(runSecretsPath(runFile)) ?? '');
}

/** Writes the file atomically: a concurrent reader sees the old content or the new. Only its owner may read it. */
export function writeRunFile(path: string, content: RunFile): void {
  writePrivateFile(path, `${JSON.stringify(content, null, 2)}\n`);
}

/** The same for the secrets next to it. */
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
