/** A graph rebuilt from Kafka: a Kafka and a target of this file's own, because a whole log is published and replayed. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Admin } from '@platformatic/kafka';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { createRelayActivities } from '../activities/relay.ts';
import { createKafkaPublishers } from '../adapters/kafka/publisher.ts';
import { type Guard, startGuard } from '../dev/stack/guard.ts';
import { startStack } from '../dev/stack/stack.ts';
import { logRecordOf, type OutgoingRecord } from '../domain/outbox/records.ts';
import { Topic } from '../domain/outbox/topics.ts';
import { createRecordEncoder } from '../events/encode.ts';
import {
  announceErasure,
  finishErasure,
  forgetCustomer,
  hideCustomer,
  requestErasure,
} from '../graph/erasure/index.ts';
import { applyAnalyticsFeedback, type Graph, onboard, openConfiguredGraph } from '../graph/index.ts';
import { readContextRebuild } from '../graph/outbox/index.ts';
import { createCustomerHistory, type CustomerHistory } from '../graph/replay/history-fixtures.ts';
import { replayInto } from '../graph/replay/replay-into.ts';
import { verifyAll } from '../graph/replay/verify.ts';
import { readGraphEnvironment } from '../platform/environment.ts';
import { readPolicy } from '../platform/policy.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { collectRecords } from '../test/outbox-fixture.ts';
import { openOwnGraph, type OwnGraph } from '../test/own-graph.ts';
import { onboardingRequest, openTestGraph, runCypher, testHeader } from '../test/test-graph.ts';
import { runCli } from './program.ts';
import { openKafkaSource } from './replay/kafka-source.ts';

// A fresh server plans every statement anew.
vi.setConfig({ testTimeout: 240_000 });

const policy = readPolicy();
let guard: Guard;
let ownGraph: OwnGraph;
let folder: string;
let sourceEnvironment: Record<string, string>;
let targetEnvironment: Record<string, string>;
let graph: Graph;
let target: Graph;
let histories: CustomerHistory[];
/** Of a customer who was erased after their events were published. */
let erasedId: string;

const valuation = (customer_id: string, ltv_minor: number) => ({
  ...{ event_id: randomUUID(), customer_id, ltv_minor, occurred_at: new Date().toISOString() },
});

beforeAll(async () => {
  guard = startGuard();
  folder = mkdtempSync(join(tmpdir(), 'persona-replay-kafka-'));
  const { PATH, HOME, JAVA_HOME, JDK_JAVA_OPTIONS, PERSONA_CACHE_DIR } = process.env;
  const env = { PATH, HOME, JAVA_HOME, JDK_JAVA_OPTIONS, PERSONA_CACHE_DIR };
  const start = (name: string, servers: ('neo4j' | 'kafka')[]) =>
    startStack({ servers, folder: join(folder, name), guard, log: () => {}, env });
  const [own, source, other] = await Promise.all([
    openOwnGraph(),
    start('here', ['kafka']),
    start('there', ['neo4j']),
  ]);
  ownGraph = own;
  sourceEnvironment = { ...source.env, ...own.variables };
  targetEnvironment = { ...other.env };
  const { neo4j, keys, blindKeys, erasureKeys } = readGraphEnvironment(sourceEnvironment);
  graph = await openTestGraph({
    ...neo4j,
    password: neo4j.password.reveal(),
    keyRing: createKeyRing(keys.reveal()),
    blindIndex: createBlindIndex(createKeyRing(blindKeys.reveal())),
    ...(erasureKeys && { erasedIds: createBlindIndex(createKeyRing(erasureKeys.reveal())) }),
  });
  const { PERSONA_KEYS, PERSONA_BLIND_KEYS } = sourceEnvironment;
  target = openConfiguredGraph(
    readGraphEnvironment({ ...sourceEnvironment, ...targetEnvironment, PERSONA_KEYS, PERSONA_BLIND_KEYS }),
  );
  histories = [await createCustomerHistory(graph, policy), await createCustomerHistory(graph, policy)];
  for (let n = 1; n <= 600; n += 1) {
    const customer_id = String(histories[n % 2]?.customer_id);
    await applyAnalyticsFeedback(graph, testHeader(), valuation(customer_id, n));
  }
  const fingerprint = randomUUID();
  const request = () => onboardingRequest({ device_details: { fingerprint } });
  const erased = await onboard(graph, testHeader(), { request: request(), policy });
  // Suggested as the same person, and not erased.
  await onboard(graph, testHeader(), { request: request(), policy });
  await publishAll();
  await erase(erased.customer_id);
  erasedId = erased.customer_id;
  // Published once more: a relay repeats what it may have lost.
  await runCypher(graph, "MATCH (r:Relay {id: 'events'}) SET r.drains_since = datetime()");
  await publishAll();
}, 300_000);
afterAll(async () => {
  await Promise.all([graph?.close(), target?.close()]);
  await guard.stop();
  await ownGraph.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await runCypher(target, 'MATCH (n) WHERE NOT n:SchemaMigration DETACH DELETE n');
});

async function erase(customer_id: string): Promise<void> {
  const { erasure_id } = await requestErasure(graph, { customer_id });
  const erasure = { erasure_id, customer_id };
  await hideCustomer(graph, { ...erasure, by: { actor: 'test', correlationId: 'test' } });
  await announceErasure(graph, erasure);
  await publishAll();
  expect(await forgetCustomer(graph, erasure, () => {})).toEqual([]);
  await finishErasure(graph, erasure_id);
}

const brokers = () => [String(sourceEnvironment.KAFKA_BROKERS)];

function startRelaying() {
  const { relayEvents } = createRelayActivities({
    ...{ graph, policy, openPublisher: createKafkaPublishers({ brokers: brokers() }) },
    ...{
      openEncoder: async () => createRecordEncoder(),
      onPublished: () => {},
      now: Date.now,
      observeRelay: () => {},
    },
  });
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => {}) });
  const ended = environment.run(relayEvents);
  return {
    ended,
    /** Lets it complete its page, and ends it. */
    stop() {
      environment.cancel();
      return ended;
    },
  };
}

/** Runs the relay until nothing waits. */
async function publishAll(): Promise<void> {
  const { stop } = startRelaying();
  const READ = `
    MATCH (r:Relay {id: 'events'})
    RETURN r.labelled_for = r.drains_since AS labelled, COUNT { MATCH (e:Unpublished) RETURN e } AS left`;
  // Also called before the tests, where expect.poll cannot be.
  await vi.waitFor(async () => expect(await graph.read(READ)).toEqual([{ labelled: true, left: 0 }]), {
    timeout: 120_000,
    interval: 50,
  });
  await stop();
}

const replayEnvironment = () => ({
  ...sourceEnvironment,
  PERSONA_REPLAY_PASSWORD: String(targetEnvironment.NEO4J_PASSWORD),
});
const replayArgs = (...options: string[]) => [
  ...['replay', '--from', 'kafka', '--into', String(targetEnvironment.NEO4J_URI), '--json'],
  ...options,
];

async function replay(...options: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(replayArgs(...options), {
    env: replayEnvironment(),
    stdin: Readable.from([]),
    out: (line) => out.push(line),
    err: (line) => err.push(line),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

function startReplay(): ChildProcess {
  const child = spawn(process.execPath, ['cli/main.ts', ...replayArgs()], {
    env: { ...replayEnvironment(), PATH: process.env.PATH },
    stdio: 'ignore',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const EVERYTHING = `
  MATCH (n) WHERE NOT n:SchemaMigration AND NOT n:CommandReceipt AND NOT n:CustomerKey AND NOT n:DeviceKey
    AND NOT n:RingKey AND NOT n:Replay AND NOT n:Relay AND NOT n:Erasure AND NOT n:ErasedId
  RETURN labels(n) AS labels, properties(n) AS node,
    COLLECT { MATCH (n)-[r]->(m) WHERE type(r) <> 'BLOCKED_BY' RETURN [type(r), properties(r), m.id, m.payment_id] ORDER BY type(r), m.id, m.payment_id } AS edges
  ORDER BY labels[0], coalesce(n.id, n.key, n.name, n.notification_id, n.payment_id, n.case_id, n.contest_id, n.note_id)`;

async function expectRebuilt() {
  expect(await target.read(EVERYTHING)).toEqual(await graph.read(EVERYTHING));
}

const progressOf = async () =>
  (
    await target.read<{ phase: string; step: number; copied: number; applied: number }>(
      'MATCH (r:Replay) RETURN r.phase AS phase, r.step AS step, r.copied AS copied, r.applied AS applied',
    )
  )[0];

test('a graph rebuilt from Kafka is identical in every property, and a second replay changes nothing', async () => {
  const { code, out, err } = await replay('--all');
  expect({ code, out: JSON.parse(out) }).toMatchObject({ code: 0, out: { differences: 0 } });
  expect(err).toContain('events copied');
  expect(err).toContain('events applied');
  await expectRebuilt();
  const progress = await progressOf();
  expect(await replay('--all')).toMatchObject({ code: 0, out });
  await expectRebuilt();
  expect(await progressOf()).toEqual(progress);
  // From another log, with the same events.
  const other = await replay('--from', 'graph');
  expect(other).toMatchObject({ code: 1 });
  expect(other.err).toContain(`must be empty, and this one holds a replay of everything from Kafka's topic`);
});

test('of an erased customer Kafka still has the sealed events, and a replay does not bring them back', async () => {
  const { records, close } = await collectRecords(brokers());
  onTestFinished(close);
  const ofErased = () => records.filter(({ topic, key }) => topic === Topic.log && key === erasedId);
  await expect.poll(() => ofErased().map(({ value }) => value.type)).toContain('ErasureAnnounced');
  expect(await replay('--all')).toMatchObject({ code: 0 });
  const nodes = await target.read<{ node: object }>('MATCH (n) RETURN properties(n) AS node');
  expect(nodes.filter(({ node }) => JSON.stringify(node).includes(erasedId))).toEqual([]);
});

test('a customer who is erased while a replay is interrupted makes it begin again, and the message says so', async () => {
  const { customer_id } = await onboard(graph, testHeader(), { request: onboardingRequest(), policy });
  await publishAll();
  const source = await openKafkaSource({ brokers: brokers() }, undefined);
  onTestFinished(() => source.close());
  const onProgress = ({ phase }: { phase: string }) => {
    if (phase === 'applying') throw new Error('killed');
  };
  await expect(replayInto(source, graph, target, { onProgress })).rejects.toThrow('killed');
  await erase(customer_id);
  const { code, out, err } = await replay();
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ type: 'urn:persona:error:log_unusable' });
  expect(err).toContain('erased since this replay began: empty the target, and begin again');
  await publishAll();
  await runCypher(target, 'MATCH (n) WHERE NOT n:SchemaMigration DETACH DELETE n');
  expect(await replay()).toMatchObject({ code: 0 });
  await expectRebuilt();
});

test('a Neo4j of something else is refused before anything is written to it', async () => {
  await runCypher(target, 'MATCH (n) DETACH DELETE n');
  for (const name of await schemaOf('CONSTRAINTS')) await runCypher(target, `DROP CONSTRAINT ${name}`);
  for (const name of await schemaOf('INDEXES')) await runCypher(target, `DROP INDEX ${name}`);
  // Its owner may store what Persona's constraints forbid.
  await runCypher(target, 'CREATE (:Customer {id: 1}), (:Customer {id: 1})');
  const { code, err } = await replay();
  expect(code).toBe(1);
  expect(err).toContain('must be empty');
  expect(await schemaOf('CONSTRAINTS')).toEqual([]);
  expect(await schemaOf('INDEXES')).toEqual([]);
  expect(await target.read('MATCH (n) RETURN labels(n) AS labels')).toHaveLength(2);
});

/** All names but those of Neo4j's own look-up indexes. */
async function schemaOf(kind: 'CONSTRAINTS' | 'INDEXES'): Promise<string[]> {
  const rows = await target.read<{ name: string }>(
    `SHOW ${kind} YIELD name, type WHERE type <> 'LOOKUP' RETURN name`,
  );
  return rows.map(({ name }) => name);
}

test('a replay that is killed while it copies, and again while it applies, continues to the same graph', async () => {
  // Devices are few and first: at the second kill some events of a customer are applied, and others are not.
  for (const [phase, count, least] of [
    ['copying', 'copied', 1],
    ['applying', 'applied', 250],
  ] as const) {
    const child = startReplay();
    const exited = once(child, 'exit');
    await expect
      .poll(
        async () => {
          const progress = await progressOf();
          return progress?.phase === phase && progress[count] >= least;
        },
        { timeout: 120_000, interval: 5 },
      )
      .toBe(true);
    child.kill('SIGKILL');
    await exited;
    expect(await progressOf()).toMatchObject({ phase });
  }
  const before = await progressOf();
  expect(await replay()).toMatchObject({ code: 0 });
  const after = await progressOf();
  expect(after).toMatchObject({ phase: 'complete', copied: before?.copied, applied: before?.copied });
  await expectRebuilt();
});

test('two processes that replay into one graph do not both write', async () => {
  const results = await Promise.all([replay(), replay()]);
  expect(results.some(({ code, err }) => code === 1 && err.includes('another process is replaying'))).toBe(
    true,
  );
  expect(await replay()).toMatchObject({ code: 0 });
  await expectRebuilt();
});

test('one customer is rebuilt with the devices and customers that its events refer to, and nothing else', async () => {
  const customer_id = String(histories[0]?.customer_id);
  for (const from of ['kafka', 'graph']) {
    expect(await replay('--from', from, '--customer', customer_id)).toMatchObject({ code: 0 });
    expect((await verifyAll(target, { onDifference: () => {} })).differences).toBe(0);
    const rebuilt = await target.read<{ id: string }>('MATCH (c:Customer) RETURN c.id AS id');
    expect(rebuilt).toContainEqual({ id: customer_id });
    expect(rebuilt).not.toContainEqual({ id: histories[1]?.customer_id });
    const OWN =
      'MATCH (c:Customer {id: $customer_id})-->(n) RETURN properties(n) AS node ORDER BY elementId(n)';
    const own = (of: Graph) => of.read<{ node: object }>(OWN, { customer_id });
    expect(await own(target)).toHaveLength((await own(graph)).length);
    // The same again continues, and finds nothing to do.
    expect(await replay('--from', from, '--customer', customer_id)).toMatchObject({ code: 0 });
    await runCypher(target, 'MATCH (n) WHERE NOT n:SchemaMigration DETACH DELETE n');
  }
});

test.each([
  ['unknown', 'kafka'],
  ['unknown', 'graph'],
  ['erased', 'kafka'],
])('an %s customer is named, and leaves nothing behind (from %s)', async (kind, from) => {
  const unknown = kind === 'erased' ? erasedId : randomUUID();
  const { code, err } = await replay('--from', from, '--customer', unknown);
  expect({ code, err }).toMatchObject({
    code: 1,
    err: expect.stringContaining(`unknown customer ${unknown}`),
  });
  expect(await target.read('MATCH (n) WHERE NOT n:SchemaMigration RETURN n')).toEqual([]);
});

test('projections that are later than the policy allows are named, with exit code 1', async () => {
  const list = async (env: Record<string, string> = {}) => {
    const out: string[] = [];
    const code = await runCli(['projections', '--json'], {
      env: { ...sourceEnvironment, ...env },
      stdin: Readable.from([]),
      out: (line) => out.push(line),
      err: (line) => out.push(line),
    });
    const { items } = JSON.parse(out.join('\n')) as { items: { name: string; state: string }[] };
    return { code, late: items.filter(({ state }) => state === 'late').map(({ name }) => name) };
  };
  expect(await list()).toEqual({ code: 0, late: [] });
  const customer_id = String(histories[0]?.customer_id);
  await applyAnalyticsFeedback(graph, testHeader(), valuation(customer_id, 1));
  const file = join(folder, 'policy.json');
  writeFileSync(file, '{"projections": {"maxLag": {"kafka": "0 s"}}}');
  expect(await list({ PERSONA_POLICY_FILE: file })).toEqual({
    code: 1,
    late: Object.values(Topic).map((topic) => `kafka:${topic}`),
  });
  await publishAll();
});

test('a rebuild of the contexts is done by the relay, and a graph without one says so', async () => {
  const rebuild = async (env: Record<string, string> = {}) => {
    const lines: string[] = [];
    const code = await runCli(['projections', 'rebuild', 'customer-context'], {
      env: { ...sourceEnvironment, ...env },
      stdin: Readable.from([]),
      out: (line) => lines.push(line),
      err: (line) => lines.push(line),
    });
    return { code, text: lines.join('\n') };
  };
  const { PERSONA_KEYS, PERSONA_BLIND_KEYS } = sourceEnvironment;
  const elsewhere = { ...targetEnvironment, PERSONA_KEYS, PERSONA_BLIND_KEYS } as Record<string, string>;
  expect(await rebuild(elsewhere)).toMatchObject({ code: 1, text: expect.stringContaining('KAFKA_BROKERS') });
  const { stop } = startRelaying();
  expect(await rebuild()).toMatchObject({ code: 0, text: expect.stringContaining('0 contexts published') });
  await stop();
  expect(await readContextRebuild(graph)).toBeUndefined();
});

/** A record of a stream as a relay would publish it. */
function logged(stream_id: string, seq: number, change: Partial<Parameters<typeof logRecordOf>[0]> = {}) {
  const at = new Date().toISOString();
  return logRecordOf({
    ...{ id: randomUUID(), stream: 'customer', stream_id, seq, type: 'AddressRemoved', schema_version: 1 },
    ...{ occurred_at: at, recorded_at: at, source: 'test', actor: 'test', correlation_id: 'test' },
    ...{ causation_id: null, data: '{"address_id":"a"}', ...change },
  });
}

async function publish(...records: OutgoingRecord[]): Promise<void> {
  const publisher = await createKafkaPublishers({ brokers: brokers() })();
  try {
    await publisher.publish(records.map(createRecordEncoder()));
  } finally {
    await publisher.close();
  }
}

const PLACE = /persona\.log\.v1, partition \d+, offset \d+/;

test('a missing event is named with its stream, and with the place where it should be', async () => {
  const stream = randomUUID();
  await publish(logged(stream, 1), logged(stream, 2), logged(stream, 4));
  const { code, out, err } = await replay('--customer', stream);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ type: 'urn:persona:error:log_unusable' });
  expect(err).toContain(`event 3 of ${stream} is missing`);
  expect(err).toMatch(PLACE);
});

test('two events with one number are refused, as after a restore of the graph', async () => {
  const stream = randomUUID();
  await publish(logged(stream, 1), logged(stream, 1));
  const { code, err } = await replay('--customer', stream);
  expect(code).toBe(1);
  expect(err).toContain(`two events 1 of ${stream}`);
});

test.each([
  ['version', { schema_version: 99 }, 'AddressRemoved of schema version 99'],
  ['type', { type: 'FromANewerRelease' as never }, 'type FromANewerRelease'],
])('an event of a newer %s is named, and not guessed', async (_, change, named) => {
  const stream = randomUUID();
  await publish(logged(stream, 1), logged(stream, 2, change));
  const { code, err } = await replay('--customer', stream);
  expect(code).toBe(1);
  expect(err).toContain(`event 2 of ${stream}`);
  expect(err).toContain(named);
  expect(err).toMatch(PLACE);
});

// The last one: the topic cannot be read as a whole any more.
test('a record that was written with a newer schema is named by its place and schema', async () => {
  const publisher = await createKafkaPublishers({ brokers: brokers() })();
  const value = Buffer.concat([Buffer.from([0xc3, 0x01]), Buffer.alloc(8, 0xab), Buffer.from([0])]);
  await publisher.publish([{ topic: Topic.log, key: Buffer.from('k'), value, headers: {} }]);
  await publisher.close();
  const { code, err } = await replay('--customer', randomUUID());
  expect(code).toBe(1);
  expect(err).toMatch(PLACE);
  expect(err).toContain('unknown schema abababababababab, which only a newer release knows');
});

test('a log that is damaged in Kafka is whole again after its topic was deleted and everything was published again', async () => {
  const relaying = startRelaying();
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: brokers() });
  await admin.deleteTopics({ topics: [Topic.log] });
  await admin.close();
  await runCypher(graph, "MATCH (r:Relay {id: 'events'}) REMOVE r.drains_since");
  // It meets the missing topic; its next attempt creates it.
  await expect(relaying.ended).rejects.toMatchObject({ type: 'kafka_unavailable' });
  await publishAll();
  expect(await replay()).toMatchObject({ code: 0 });
  await expectRebuilt();
});
