import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Guard, startGuard } from './guard.ts';
import { findJava } from './java.ts';
import { copyJars } from './packages.ts';
import { startStack } from './stack.ts';

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

/** A Java that claims to be of this version, as a JAVA_HOME. */
function fakeJava(version: string): string {
  mkdirSync(join(folder, version, 'bin'), { recursive: true });
  const file = join(folder, version, 'bin', 'java');
  writeFileSync(file, `#!/bin/sh\necho 'openjdk version "${version}"' >&2\n`);
  chmodSync(file, 0o755);
  return join(folder, version);
}

test('a Java of the right version is found behind one of the wrong version', async () => {
  const env = { JAVA_HOME: fakeJava('98.0.1'), PATH: join(fakeJava('99.0.2'), 'bin') };
  expect(await findJava([99], env)).toBe(join(folder, '99.0.2', 'bin', 'java'));
});

test('a Java that is too new is no Java: one line says so, and both ways out', async () => {
  const failing = findJava([96], { JAVA_HOME: fakeJava('99.0.2'), PATH: '' });
  await expect(failing).rejects.toThrow(
    /^Java 96 is missing, .*install a Java 96 runtime .*java is Java 99.*docker compose up -d neo4j[^\n]*$/,
  );
});

test('all that is missing is named at once, each in one line with both ways to get it', async () => {
  const env = { PATH: '', PERSONA_CACHE_DIR: join(folder, 'cache'), JAVA_HOME: fakeJava('17.0.1') };
  const starting = startStack({
    servers: ['neo4j', 'temporal', 'stripe_mock'],
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
      /^Maven \(mvn\) is missing, needed for Neo4j: install Maven, or .*docker compose up -d neo4j/,
    ),
    expect.stringMatching(
      /^python3 is missing, needed for Temporal: install Python 3 .*docker compose up -d temporal/,
    ),
    expect.stringMatching(
      /^Go is missing, needed for stripe-mock: install Go .*docker compose up -d stripe-mock/,
    ),
  ]);
});

test('an installer that fails is shown with the end of what it printed', async () => {
  // One Maven at a time works in a home: that of whoever installs just now must not be waited for.
  for (const variable of ['HOME', 'USERPROFILE']) vi.stubEnv(variable, folder);
  const maven = join(folder, 'mvn');
  writeFileSync(maven, '#!/bin/sh\necho "no such artifact"\nexit 1\n');
  chmodSync(maven, 0o755);
  const failing = copyJars(['a:b'], '1', join(folder, 'jars'), { env: { PATH: folder }, guard });
  await expect(failing).rejects.toThrow(/mvn -B .*failed \(exit code 1\):\nno such artifact/);
}, 60_000);

test('an address that nobody answers at is named with its variable', async () => {
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
