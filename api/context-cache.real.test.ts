/**
 * The promises of `GetCustomerContext`, at several API processes on one graph: STRONG is never stale, `min_version` never
 * older than requested, EVENTUAL never older than its bound, and no caller gets another customer's data; with Redis, without
 * it, with one that hangs, dies and returns, and while Neo4j is away.
 */

import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { runCli } from '../cli/program.ts';
import { createCustomer, type Graph, openConfiguredGraph, updateNodeProperty } from '../graph/index.ts';
import { Consistency } from '../proto/gen/persona/v1/types.ts';
import { type ApiProcess, startApiProcess, unaryCall } from '../test/api-fixture.ts';
import {
  type ContextAnswer,
  ContextHammer,
  type ContextQuestion,
  segmentPrefix,
} from '../test/context-hammer.ts';
import { startTestRedis, type TestRedis } from '../test/redis-fixture.ts';
import { readGraphEnvironment } from '../platform/environment.ts';
import { testHeader } from '../test/test-graph.ts';
import { rpcError } from './api-fixtures.ts';

const MAX_STALENESS_MS = 250;
const READS = 400;
let graph: Graph;
let redis: TestRedis;
let policyFile: string;

beforeAll(async () => {
  graph = openConfiguredGraph(readGraphEnvironment(process.env));
  policyFile = join(mkdtempSync(join(tmpdir(), 'persona-policy-')), 'policy.json');
  const context = { maxStalenessMs: MAX_STALENESS_MS, maxOutageStalenessMs: 600_000 };
  writeFileSync(policyFile, JSON.stringify({ context }));
  redis = await startTestRedis();
});
afterAll(async () => {
  await redis.close();
  await graph.close();
});

async function startApi(variables: Record<string, string>): Promise<ApiProcess> {
  const api = await startApiProcess({ REDIS_URL: '', PERSONA_POLICY_FILE: policyFile, ...variables });
  onTestFinished(async () => void (await api.stop()));
  return api;
}

const newCustomer = async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  await setSegment(customer_id, `${segmentPrefix(customer_id)}NEW`);
  return customer_id;
};

/** By a process that does not report its changes to others. */
const setSegment = async (id: string, value: string) =>
  (await updateNodeProperty(graph, testHeader(), { label: 'Customer', id, property: 'segment', value }))
    .version;

async function getContext(
  { agent }: ApiProcess,
  { customer_id, consistency, min_version }: ContextQuestion,
): Promise<ContextAnswer> {
  const answer = await unaryCall<{ version: bigint } & Omit<ContextAnswer, 'version'>>(
    agent,
    'getCustomerContext',
    {
      customer_id,
      transaction_id: '',
      consistency:
        consistency === 'strong' ? Consistency.CONSISTENCY_STRONG : Consistency.CONSISTENCY_EVENTUAL,
      min_version: BigInt(min_version),
    },
  );
  return { ...answer, version: Number(answer.version) };
}

/** A hammer whose even customers are written through the processes, the odd ones by a process that reports nothing. */
async function hammerOn(apis: readonly ApiProcess[]): Promise<ContextHammer> {
  const customers = await Promise.all(Array.from({ length: 8 }, newCustomer));
  return new ContextHammer({
    customers,
    maxStalenessMs: MAX_STALENESS_MS,
    async write(id, value) {
      const index = customers.indexOf(id);
      const api = index % 2 === 0 ? apis[(index / 2) % apis.length] : undefined;
      if (api === undefined) return setSegment(id, value);
      const { version } = await unaryCall<{ version: bigint }>(
        api.graph,
        'updateNodeProperty',
        { label: 'Customer', id, property: 'segment', value },
        { metadata: { 'idempotency-key': value } },
      );
      return Number(version);
    },
    read: apis.map((api) => (question) => getContext(api, question)),
  });
}

/** The sum of a metric over the processes. */
async function sumOf(apis: readonly ApiProcess[], name: string): Promise<number> {
  const texts = await Promise.all(apis.map(async ({ metrics }) => (await fetch(metrics)).text()));
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

test('three processes without Redis keep every promise', async () => {
  const apis = await Promise.all([1, 2, 3].map(() => startApi({})));
  const hammer = await hammerOn(apis);
  await hammer.run(2 * READS);
  expect(hammer.broken).toEqual([]);
  expect(await sumOf(apis, 'persona_context_cache_total{result="hit"}')).toBeGreaterThan(0);
});

test('three processes with Redis keep every promise, also while it hangs, is gone, and is back, empty', {
  timeout: 240_000,
}, async () => {
  const apis = await Promise.all([1, 2, 3].map(() => startApi({ REDIS_URL: redis.url })));
  const hammer = await hammerOn(apis);
  await hammer.run(READS);
  expect(hammer.broken).toEqual([]);
  expect(await sumOf(apis, 'persona_context_cache_total{result="shared"}')).toBeGreaterThan(0);
  expect(await sumOf(apis, 'persona_context_invalidations_total{source="bus"}')).toBeGreaterThan(0);
  redis.suspend();
  await hammer.run(READS);
  expect(
    await sumOf(apis, 'persona_shared_context_calls_total{call="find",result="skipped"}'),
  ).toBeGreaterThan(0);
  redis.resume();
  await hammer.run(READS);
  await redis.kill();
  await hammer.run(READS);
  await redis.restart();
  await hammer.run(READS);
  expect(hammer.broken).toEqual([]);
});

test('a change at one process reaches the caches of the others before these contexts are too old', async () => {
  const longLived = join(mkdtempSync(join(tmpdir(), 'persona-policy-')), 'policy.json');
  writeFileSync(longLived, JSON.stringify({ context: { maxStalenessMs: 600_000 } }));
  const variables = { REDIS_URL: redis.url, PERSONA_POLICY_FILE: longLived };
  const [writer, reader] = await Promise.all([startApi(variables), startApi(variables)]);
  const customer_id = await newCustomer();
  const question: ContextQuestion = { customer_id, consistency: 'eventual', min_version: 0 };
  const before = await getContext(reader, question);
  // The reader may still be subscribing, so the change is repeated until one is heard of.
  let written = 0;
  await expect
    .poll(async () => {
      const value = `${segmentPrefix(customer_id)}${written++}`;
      const request = { label: 'Customer', id: customer_id, property: 'segment', value };
      const metadata = { 'idempotency-key': `${customer_id}_${value}` };
      await unaryCall(writer.graph, 'updateNodeProperty', request, { metadata });
      return (await getContext(reader, question)).version;
    })
    .toBeGreaterThan(before.version);
});

test('after an operator has the cache rebuilt, no process returns what it had cached', async () => {
  const longLived = join(mkdtempSync(join(tmpdir(), 'persona-policy-')), 'policy.json');
  writeFileSync(longLived, JSON.stringify({ context: { maxStalenessMs: 600_000 } }));
  const variables = { REDIS_URL: redis.url, PERSONA_POLICY_FILE: longLived };
  const apis = await Promise.all([startApi(variables), startApi(variables)]);
  const customer_id = await newCustomer();
  const question: ContextQuestion = { customer_id, consistency: 'eventual', min_version: 0 };
  const versions = () => Promise.all(apis.map(async (api) => (await getContext(api, question)).version));
  const [before = 0] = await versions();
  const version = await setSegment(customer_id, `${segmentPrefix(customer_id)}1`);
  expect(await versions()).toEqual([before, before]);
  const rebuild = () =>
    runCli(['projections', 'rebuild', 'context-cache'], {
      env: { ...process.env, ...variables },
      stdin: Readable.from([]),
      out: () => {},
      err: () => {},
    });
  // A process may still be subscribing.
  await expect
    .poll(async () => {
      expect(await rebuild()).toBe(0);
      return versions();
    })
    .toEqual([version, version]);
});

test('while Neo4j is away, eventual reads return marked contexts, all others UNAVAILABLE; then all work again', async () => {
  const neo4j = await startSwitch(process.env.NEO4J_URI ?? '');
  onTestFinished(() => neo4j.close());
  const api = await startApi({ NEO4J_URI: neo4j.uri });
  const [customer_id, neverRead] = [await newCustomer(), await newCustomer()];
  const eventual: ContextQuestion = { customer_id, consistency: 'eventual', min_version: 0 };
  const strong: ContextQuestion = { ...eventual, consistency: 'strong' };
  const { version } = await getContext(api, eventual);
  neo4j.away(true);
  await expect.poll(() => getContext(api, eventual)).toMatchObject({ customer_id, version, stale: true });
  const newer = { ...eventual, min_version: version + 1 };
  for (const question of [strong, newer, { ...eventual, customer_id: neverRead }])
    expect(await rpcError(getContext(api, question))).toMatchObject({ code: status.UNAVAILABLE });
  const written = await setSegment(customer_id, `${segmentPrefix(customer_id)}1`);
  neo4j.away(false);
  for (const question of [strong, eventual, newer])
    await expect
      .poll(() => getContext(api, question).catch(({ code }) => code))
      .toMatchObject({ version: written, stale: false });
});

/** A forwarder to a server that can be made to look away: it ends every connection, and each new one. */
async function startSwitch(target: string) {
  const { protocol, hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isAway = false;
  const server = createServer((client) => {
    client.on('error', () => {});
    if (isAway) return void client.destroy();
    const upstream = connect(Number(port), hostname);
    upstream.on('error', () => client.destroy());
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    uri: `${protocol}//127.0.0.1:${(server.address() as { port: number }).port}`,
    away(away: boolean) {
      isAway = away;
      if (away) end();
    },
    async close() {
      end();
      server.close();
      await once(server, 'close');
    },
  };
}
