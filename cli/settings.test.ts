import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunFile, writeRunFile, writeRunSecrets } from '../platform/run-file.ts';
import { readSettings } from './settings.ts';

const run: RunFile = {
  http: 'http://127.0.0.1:18080',
  temporal_ui: 'http://127.0.0.1:18233',
  gateway: 'http://127.0.0.1:12111',
  inbox: 'http://127.0.0.1:8025',
  chimera_control: 'http://127.0.0.1:8026',
  model: 'http://127.0.0.1:8027',
  metrics: {},
  grpc: '127.0.0.1:15051',
  temporal: '127.0.0.1:17233',
  chimera: '127.0.0.1:50061',
  neo4j: 'bolt://127.0.0.1:17687',
  neo4j_username: 'neo4j',
  neo4j_password: 'of-the-copy',
  neo4j_database: 'neo4j',
  erasure_journal: '/journal',
  temporal_namespace: 'default',
  pids: {},
};
const secrets = { PERSONA_KEYS: 'dev:a/+=', PERSONA_BLIND_KEYS: 'blind:b', TEMPORAL_CODEC_KEYS: 'codec:c' };

let folder: string;
let PERSONA_RUN_FILE: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'persona-settings-'));
  PERSONA_RUN_FILE = join(folder, 'run.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function writeRunFiles(): void {
  writeRunFile(PERSONA_RUN_FILE, run);
  writeRunSecrets(PERSONA_RUN_FILE, secrets);
}

test('without an environment, addresses are read from the run file and keys from the file next to it', () => {
  writeRunFiles();
  const { variables, http, grpc, fromRunFile } = readSettings({ PERSONA_RUN_FILE });
  expect({ http, grpc }).toEqual({ http: run.http, grpc: run.grpc });
  expect(variables).toMatchObject({
    ...secrets,
    NEO4J_URI: run.neo4j,
    NEO4J_PASSWORD: run.neo4j_password,
    TEMPORAL_ADDRESS: run.temporal,
    STRIPE_API_BASE: run.gateway,
    CHIMERA_ADDRESS: run.chimera,
  });
  expect(fromRunFile).toContain('PERSONA_KEYS');
});

test('for a server that the environment names, neither password nor keys are read from the run file', () => {
  writeRunFiles();
  const { variables, fromRunFile } = readSettings({
    PERSONA_RUN_FILE,
    NEO4J_URI: 'neo4j://graph.example:7687',
  });
  expect(variables.NEO4J_URI).toBe('neo4j://graph.example:7687');
  for (const name of ['NEO4J_PASSWORD', 'PERSONA_KEYS', 'PERSONA_BLIND_KEYS'])
    expect(variables[name]).toBeUndefined();
  expect(variables.TEMPORAL_CODEC_KEYS).toBe(secrets.TEMPORAL_CODEC_KEYS);
  expect(fromRunFile).not.toContain('NEO4J_URI');
});

test('a key in the environment takes precedence over the one next to the run file', () => {
  writeRunFiles();
  const { variables, fromRunFile } = readSettings({ PERSONA_RUN_FILE, PERSONA_KEYS: 'mine:k' });
  expect(variables.PERSONA_KEYS).toBe('mine:k');
  expect(fromRunFile).not.toContain('PERSONA_KEYS');
});

test.each([
  [{ HTTP_PORT: '9000' }, 'http://127.0.0.1:9000'],
  [{ HTTP_HOST: 'persona.example' }, 'http://persona.example:8080'],
  [{ HTTP_HOST: '::1', HTTP_PORT: '9000' }, 'http://[::1]:9000'],
  [{ HTTP_PORT: '' }, run.http],
  // 0 is any free port: only the run file has the actual one.
  [{ HTTP_PORT: '0' }, run.http],
])('%j: the API is at %s', (env, http) => {
  writeRunFiles();
  expect(readSettings({ PERSONA_RUN_FILE, ...env }).http).toBe(http);
});

test('without any setting, the API is on its default ports', () => {
  const { http, grpc, runFile, fromRunFile } = readSettings({ PERSONA_RUN_FILE });
  expect({ http, grpc }).toEqual({ http: 'http://127.0.0.1:8080', grpc: '127.0.0.1:50051' });
  expect(runFile).toEqual({ path: PERSONA_RUN_FILE });
  expect(fromRunFile.size).toBe(0);
});
