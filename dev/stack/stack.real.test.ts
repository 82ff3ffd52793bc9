import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import neo4j from 'neo4j-driver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isAlive } from '../lock.mjs';
import { type Guard, startGuard } from './guard.ts';
import { type Stack, startStack } from './stack.ts';

/** Two instances that prefer the same ports, as started by two users of one machine. */
const PORTS = { neo4j: 27_687, temporal: 27_233 };
const guards: Guard[] = [];
const lines: string[] = [];
let folder: string;
let stacks: Stack[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'persona-stack-'));
  // Only the variables that locate programs and the cache: no addresses, no keys.
  const { PATH, HOME, JAVA_HOME, JDK_JAVA_OPTIONS, PERSONA_CACHE_DIR } = process.env;
  const env = { PATH, HOME, JAVA_HOME, JDK_JAVA_OPTIONS, PERSONA_CACHE_DIR };
  const start = (name: string) => {
    const guard = startGuard();
    guards.push(guard);
    const log = (line: string) => lines.push(line);
    return startStack({
      servers: ['neo4j', 'temporal'],
      ports: PORTS,
      folder: join(folder, name),
      guard,
      log,
      env,
    });
  };
  stacks = await Promise.all(['a', 'b'].map(start));
}, 240_000);

afterAll(async () => {
  await Promise.all(guards.map((guard) => guard.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function query(stack: Stack | undefined, cypher: string, password = stack?.env.NEO4J_PASSWORD ?? '') {
  const { NEO4J_URI: uri = '', NEO4J_USERNAME: user = '' } = stack?.env ?? {};
  const driver = neo4j.driver(uri, neo4j.auth.basic(user, password), { disableLosslessIntegers: true });
  try {
    return (await driver.executeQuery(cypher)).records.map((record) => record.toObject());
  } finally {
    await driver.close();
  }
}

async function namespaces(stack: Stack | undefined) {
  const connection = await Connection.connect({ address: stack?.env.TEMPORAL_ADDRESS });
  try {
    return (await connection.workflowService.listNamespaces({})).namespaces.map(
      ({ namespaceInfo }) => namespaceInfo?.name,
    );
  } finally {
    await connection.close();
  }
}

test('two concurrent instances have their own ports, passwords, keys and data', async () => {
  const [a, b] = stacks;
  for (const name of [
    'NEO4J_URI',
    'NEO4J_PASSWORD',
    'TEMPORAL_ADDRESS',
    'PERSONA_KEYS',
    'TEMPORAL_CODEC_KEYS',
  ]) {
    expect(a?.env[name]).toMatch(/./);
    expect(b?.env[name]).not.toBe(a?.env[name]);
  }
  await query(a, 'CREATE (:Mark)');
  expect(await query(a, 'MATCH (n:Mark) RETURN count(n) AS marks')).toEqual([{ marks: 1 }]);
  expect(await query(b, 'MATCH (n:Mark) RETURN count(n) AS marks')).toEqual([{ marks: 0 }]);
  expect(await namespaces(a)).toContain('default');
  expect(await namespaces(b)).toContain('default');
});

test('Neo4j’s default password is refused', async () => {
  await expect(query(stacks[0], 'RETURN 1', 'neo4j')).rejects.toThrow(/unauthorized/i);
});

test('the Temporal UI shows its own server', async () => {
  const response = await fetch(`${stacks[1]?.urls.temporal_ui}/api/v1/namespaces/default`);
  expect(await response.json()).toMatchObject({ namespaceInfo: { name: 'default' } });
});

test('the start of each server and its duration are logged', () => {
  for (const server of ['Neo4j', 'Temporal']) {
    expect(lines.filter((line) => line === `starting ${server}…`)).toHaveLength(2);
    expect(
      lines.filter((line) => line.startsWith(`${server} is ready at `) && line.endsWith(' s)')),
    ).toHaveLength(2);
  }
});

test('stopping one instance ends its processes and deletes its data, and does not affect the other', async () => {
  const [a, b] = stacks;
  await guards[0]?.stop();
  for (const { child } of Object.values(a?.processes ?? {})) {
    await expect.poll(() => isAlive(child.pid), { timeout: 60_000 }).toBe(false);
  }
  expect([existsSync(join(folder, 'a')), existsSync(join(folder, 'b'))]).toEqual([false, true]);
  expect(await query(b, 'RETURN 1 AS one')).toEqual([{ one: 1 }]);
});
