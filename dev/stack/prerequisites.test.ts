import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Guard, startGuard } from './guard.ts';
import { findJava } from './java.ts';
import { copyJars } from './packages.ts';
import { startStack } from './stack.ts';

const NEED = { server: 'Neo4j', service: 'neo4j' };
let folder: string;
let guard: Guard;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'persona-prerequisites-'));
  guard = startGuard();
});
afterEach(async () => {
  await guard.stop();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** A fake Java that reports this version. @returns its JAVA_HOME */
function fakeJava(version: string): string {
  mkdirSync(join(folder, version, 'bin'), { recursive: true });
  const file = join(folder, version, 'bin', 'java');
  writeFileSync(file, `#!/bin/sh\necho 'openjdk version "${version}"' >&2\n`);
  chmodSync(file, 0o755);
  return join(folder, version);
}

test('a Java of the required version is found after one of another version', async () => {
  const env = { JAVA_HOME: fakeJava('98.0.1'), PATH: join(fakeJava('99.0.2'), 'bin') };
  expect(await findJava([99], NEED, env)).toBe(join(folder, '99.0.2', 'bin', 'java'));
});

test('an unsupported Java version is reported as missing, in one line with both remedies', async () => {
  const failing = findJava([96], NEED, { JAVA_HOME: fakeJava('99.0.2'), PATH: '' });
  await expect(failing).rejects.toThrow(
    /^Java 96 is missing, .*install a Java 96 runtime .*java is Java 99.*docker compose up -d neo4j[^\n]*$/,
  );
});

test('all missing prerequisites are reported together, each in one line with its remedies', async () => {
  const env = { PATH: '', PERSONA_CACHE_DIR: join(folder, 'cache'), JAVA_HOME: fakeJava('17.0.1') };
  const starting = startStack({
    servers: [
      'neo4j',
      'temporal',
      'kafka',
      'stripe_mock',
      'oasdiff',
      'schemathesis',
      'agent_python',
      'agent_go',
    ],
    folder: join(folder, 'data'),
    guard,
    log: () => {},
    env,
  });
  const { message } = await starting.then(
    () => expect.fail('started without its prerequisites'),
    (error: Error) => error,
  );
  expect(message.split('\n')).toEqual([
    expect.stringMatching(
      /^Maven \(mvn\) is missing, which Neo4j requires: install Maven, or .*docker compose up -d neo4j/,
    ),
    expect.stringMatching(
      /^python3 is missing, which Temporal requires: install Python 3 .*docker compose up -d temporal/,
    ),
    expect.stringMatching(
      /^Maven \(mvn\) is missing, which Kafka requires: install Maven, or .*docker compose up -d kafka/,
    ),
    expect.stringMatching(
      /^Go is missing, which stripe-mock requires: install Go .*docker compose up -d stripe-mock/,
    ),
    'Go is missing, which oasdiff requires: install Go 1.26 or newer',
    'python3 is missing, which schemathesis requires: install Python 3 with its venv module',
    "python3 is missing, which the test of agents' programs requires: install Python 3 with its venv module",
    "Go is missing, which the test of agents' programs requires: install Go 1.26 or newer",
  ]);
});

test('a failed installer is reported with the end of its output', async () => {
  // One Maven at a time runs per home directory: a separate home avoids waiting for an install in progress.
  for (const variable of ['HOME', 'USERPROFILE']) vi.stubEnv(variable, folder);
  const maven = join(folder, 'mvn');
  writeFileSync(maven, '#!/bin/sh\necho "no such artifact"\nexit 1\n');
  chmodSync(maven, 0o755);
  const failing = copyJars(['a:b'], '1', join(folder, 'jars'), {
    env: { PATH: folder },
    guard,
    ...NEED,
  });
  await expect(failing).rejects.toThrow(/exit code 1: .*mvn -B .*:\nno such artifact/);
}, 60_000);

test('an unreachable address is reported with its variable', async () => {
  const env = {
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    NEO4J_URI: 'bolt://127.0.0.1:1',
    NEO4J_PASSWORD: 'x',
    STRIPE_MOCK_URL: 'http://127.0.0.1:1',
  };
  const starting = startStack({
    servers: ['neo4j', 'temporal', 'stripe_mock'],
    folder: join(folder, 'data'),
    guard,
    log: () => {},
    env,
  });
  await expect(starting).rejects.toThrow(
    /NEO4J_URI=bolt:\/\/127.0.0.1:1 .*\n.*TEMPORAL_ADDRESS=127.0.0.1:1.*\n.*STRIPE_MOCK_URL=http:\/\/127.0.0.1:1:/,
  );
}, 60_000);
