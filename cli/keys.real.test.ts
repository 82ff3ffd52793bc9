/** `persona keys` on a real graph and a real Temporal, with the rings of the tests' processes. */

import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { admitKeys } from '../graph/index.ts';
import { readCodecKeys, readGraphEnvironment } from '../platform/environment.ts';
import { runCypher } from '../test/test-graph.ts';
import { connectRealServers } from './cli-fixtures.ts';
import { runCli } from './program.ts';

const servers = connectRealServers();
const environment = { ...readGraphEnvironment(process.env), codecKeys: readCodecKeys(process.env) };
const FIRST = environment.keys.reveal()[0]?.id ?? '';

beforeAll(() => admitKeys(servers.graph, environment));

async function persona(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const env = { ...process.env, PERSONA_RUN_FILE: '/does/not/exist/run.json' };
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text) };
  const code = await runCli(['keys', ...args], { env, stdin: Readable.from([]), ...io });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

/** Registers a key that processes wrote with long ago. */
async function registerOldKey(ring: string): Promise<string> {
  const id = `old-${randomUUID().slice(0, 8)}`;
  const register =
    "CREATE (:RingKey {ring: $ring, id: $id, known_since: datetime('2020-01-01T00:00:00Z'), first_since: datetime('2020-01-01T00:00:00Z')})";
  await runCypher(servers.graph, register, { ring, id });
  onTestFinished(async () => {
    await runCypher(servers.graph, 'MATCH (k:RingKey {ring: $ring, id: $id}) DELETE k', { ring, id });
  });
  return id;
}

async function listed(id: string): Promise<object | undefined> {
  const { keys } = JSON.parse((await persona('--json')).out) as { keys: { id: string }[] };
  return keys.find((key) => key.id === id);
}

test('an older key is listed with what needs it, retired once nothing does, and then unknown', async () => {
  const id = await registerOldKey('PERSONA_KEYS');
  const customer_id = randomUUID();
  await runCypher(
    servers.graph,
    "CREATE (:CustomerKey {customer_id: $customer_id, key_id: $id, wrapped: 's1:'})",
    {
      ...{ customer_id, id },
    },
  );
  const { code, err } = await persona('retire', 'PERSONA_KEYS', id);
  expect({ code, err }).toEqual({
    code: 1,
    err: `persona: The key ${id} of PERSONA_KEYS is still needed: by 1 CustomerKey; persona keys says what to do`,
  });
  expect(await listed(id)).toMatchObject({
    ...{ ring: 'PERSONA_KEYS', position: 'missing', registered: true, used_by: { CustomerKey: 1 } },
    next: 'persona keys rotate',
  });
  await runCypher(servers.graph, 'MATCH (k:CustomerKey {customer_id: $customer_id}) DELETE k', {
    customer_id,
  });
  expect(await listed(id)).toMatchObject({ used_by: {}, next: `persona keys retire PERSONA_KEYS ${id}` });
  expect(await persona('retire', 'PERSONA_KEYS', id)).toMatchObject({ code: 0, err: '' });
  expect(await persona('retire', 'PERSONA_KEYS', id)).toMatchObject({
    ...{ code: 1, err: `persona: PERSONA_KEYS has no registered key ${id}` },
  });
});

test('a receipt keeps its blind key until it expires', async () => {
  const id = await registerOldKey('PERSONA_BLIND_KEYS');
  const receipt = { caller: `keys-${id}`, key: 'k' };
  await runCypher(
    servers.graph,
    "CREATE (:CommandReceipt {caller: $caller, key: $key, body_hash: $hash, result: '{}', at: datetime('2026-01-01T00:00:00Z'), kind: 'event'})",
    { ...receipt, hash: `${id}:00` },
  );
  onTestFinished(async () => {
    await runCypher(servers.graph, 'MATCH (r:CommandReceipt {caller: $caller, key: $key}) DELETE r', receipt);
  });
  expect(await listed(id)).toMatchObject({
    used_by: { CommandReceipt: 1 },
    receipts_until: '2027-02-05T00:00:00.000Z',
    next: expect.stringContaining('its receipts expire by 2027-02-05'),
  });
  expect(await persona('retire', 'PERSONA_BLIND_KEYS', id)).toMatchObject({
    code: 1,
    err: expect.stringContaining('1 CommandReceipt'),
  });
});

test('a codec key is needed as long as Temporal has a workflow that was started under it', async () => {
  const id = await registerOldKey('TEMPORAL_CODEC_KEYS');
  const options = { taskQueue: `keys-${id}`, workflowId: `keys-${id}` };
  const handle = await servers.client.workflow.start('notPolledByAnyWorker', options);
  onTestFinished(async () => {
    await handle.terminate();
  });
  const query = `WorkflowId = '${options.workflowId}'`;
  await expect.poll(async () => (await servers.client.workflow.count(query)).count).toBe(1);
  expect(await persona('retire', 'TEMPORAL_CODEC_KEYS', id)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/is still needed: Temporal has \d+ workflows, open or within/),
  });
  expect(await listed(id)).toMatchObject({ used_by: null, next: expect.stringContaining('retention') });
});

test('the newest key that processes write with is not retired', async () => {
  expect(await persona('retire', 'PERSONA_KEYS', FIRST)).toMatchObject({
    code: 1,
    err: expect.stringContaining(`No process writes with a newer key of PERSONA_KEYS than ${FIRST}`),
  });
});

test.each([[[]], [['--blind']]])('rotate %j reports what it would do, and what is left', async (options) => {
  const { out } = await persona('rotate', '--dry-run', '--json', ...options);
  const [ring, key] =
    options.length === 0
      ? ['PERSONA_KEYS', FIRST]
      : ['PERSONA_BLIND_KEYS', environment.blindKeys.reveal()[0]?.id];
  expect(JSON.parse(out)).toMatchObject({ ring, key, dry_run: true, conflicts: 0 });
});

test('a ring that processes do not write with yet is not rotated to', async () => {
  const later = `later:${Buffer.alloc(32, 7).toString('base64')}`;
  const env = {
    ...process.env,
    PERSONA_KEYS: `${later},${process.env.PERSONA_KEYS}`,
    PERSONA_RUN_FILE: '/does/not/exist/run.json',
  };
  const rotate = async () => {
    const err: string[] = [];
    const io = { out: () => {}, err: (text: string) => err.push(text) };
    expect(await runCli(['keys', 'rotate'], { env, stdin: Readable.from([]), ...io })).toBe(1);
    return err.join();
  };
  expect(await rotate()).toMatch(
    /PERSONA_KEYS starts with the key later, which no process has read with yet/,
  );
  onTestFinished(async () => {
    await runCypher(servers.graph, "MATCH (k:RingKey {id: 'later'}) DELETE k");
  });
  await runCypher(
    servers.graph,
    "CREATE (:RingKey {ring: 'PERSONA_KEYS', id: 'later', known_since: datetime()})",
  );
  expect(await rotate()).toMatch(/No process writes with the key later of PERSONA_KEYS yet/);
});
