/**
 * Consumers of the topics, on what a relay publishes from a real Neo4j to a real Kafka that requires TLS and a login:
 * programs in Python and Go that know only the published schemas read all of it, and it has what each agent relies on. At
 * the end with a schema registry, both ways.
 */

import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  AclOperations,
  AclPermissionTypes,
  Admin,
  ConfigResourceTypes,
  Producer,
  ResourcePatternTypes,
  ResourceTypes,
} from '@platformatic/kafka';
import { execa } from 'execa';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { kafkaOptions } from '../../adapters/kafka/connection.ts';
import { createKafkaPublishers } from '../../adapters/kafka/publisher.ts';
import { openSchemaRegistry } from '../../adapters/schema-registry/client.ts';
import { checkKafka } from '../../cli/doctor/kafka.ts';
import { runCli } from '../../cli/program.ts';
import { openKafkaSource } from '../../cli/replay/kafka-source.ts';
import { readSettings } from '../../cli/settings.ts';
import { archiveLog } from '../../dev/demo/oracle.ts';
import { InboundTopic } from '../../domain/inbound/topics.ts';
import type { OutgoingRecord } from '../../domain/outbox/records.ts';
import { Topic } from '../../domain/outbox/topics.ts';
import type { SchemaRegistry } from '../../domain/schema-registry.ts';
import { fingerprint } from '../../events/avro.ts';
import { createRecordEncoder } from '../../events/encode.ts';
import { readSchemas } from '../../events/schemas.ts';
import { createCustomer, type Graph } from '../../graph/index.ts';
import { startRelay } from '../../graph/outbox/index.ts';
import { createCatalogueHistory, createCustomerHistory } from '../../graph/replay/history-fixtures.ts';
import {
  type KafkaEnvironment,
  readGraphEnvironment,
  readKafkaEnvironment,
} from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { createBlindIndex } from '../../security/blind-index.ts';
import { createKeyRing } from '../../security/key-ring.ts';
import { createPublishing } from '../../workers/publishing.ts';
import { type AgentRuntimes, goBuild, prepareAgentRuntimes } from '../agent-programs.ts';
import { CONSUMERS, readConsumerContracts, settingsProblems } from '../contracts/consumer-contracts.ts';
import { recordProblems } from '../contracts/consumer-records.ts';
import { writeRecords } from '../kafka-fixture.ts';
import {
  collectRecords,
  type ConsumedRecord,
  readLoggedEvents,
  type SecuredServers,
  startSecuredServers,
} from '../outbox-fixture.ts';
import { readReadyLine } from '../ready-line.ts';
import { encodeFeedback, FEEDBACK_SCHEMA, registryOperator } from '../registry-fixture.ts';
import {
  countUnpublished,
  dyingGraph,
  publishAll,
  startRelayActivity,
  untilPublished,
} from '../relay-fixture.ts';
import { openTestGraph, runCypher, testHeader, verifyAndClose } from '../test-graph.ts';

const RUNNING = fileURLToPath(new URL('../../.persona/running', import.meta.url));
const SCHEMAS = fileURLToPath(new URL('../../events/schemas', import.meta.url));

/** What a program prints. Times in its values are in RFC 3339. */
interface Reading {
  fingerprints: Record<string, string>;
  records: Reading.Record[];
  repetitions: number;
  /** In Confluent's wire format; Python only. */
  registered: number;
  problems: string[];
}
declare namespace Reading {
  type Record = Pick<ConsumedRecord, 'topic' | 'key' | 'headers' | 'value'>;
}

let folder: string;
let servers: SecuredServers;
let graph: Graph;
let runtimes: AgentRuntimes;
/** Every record that the relay has written, with its repetitions. */
const written: Reading.Record[] = [];

beforeAll(async () => {
  mkdirSync(RUNNING, { recursive: true });
  folder = mkdtempSync(join(RUNNING, 'consumers-'));
  [servers] = await Promise.all([startSecuredServers(), compileGoProgram()]);
  // As the consumer process opens it.
  const { neo4j: _, ...keys } = readGraphEnvironment(process.env);
  graph = await openTestGraph({
    ...servers.neo4j,
    keyRing: createKeyRing(keys.keys.reveal()),
    blindIndex: createBlindIndex(createKeyRing(keys.blindKeys.reveal())),
  });
  await publishHistory();
}, 240_000);
afterAll(async () => {
  await verifyAndClose(graph);
  await servers.close();
  rmSync(folder, { recursive: true, force: true });
});

function kafkaEnvironment(changed: Record<string, string> = {}): KafkaEnvironment {
  const environment = readKafkaEnvironment({ ...servers.variables, ...changed });
  if (environment === undefined) throw new Error('KAFKA_BROKERS is not set');
  return environment;
}

async function compileGoProgram(): Promise<void> {
  runtimes = prepareAgentRuntimes(folder);
  const source = fileURLToPath(new URL('consumer.go', CONSUMERS));
  await execa(runtimes.go, goBuild(source, 'consumer.exe'), { cwd: folder, env: runtimes.env });
}

/** Every type of event: published, repeated by a relay after one that died, with a record between them that was withdrawn. */
async function publishHistory(): Promise<void> {
  const encode = createRecordEncoder();
  const relay = {
    graph,
    policy: readPolicy(),
    openPublisher: createKafkaPublishers(kafkaOptions(kafkaEnvironment())),
    openEncoder: async () => (record: OutgoingRecord) => {
      const encoded = encode(record);
      const { topic, key, value } = record;
      if (value) written.push({ topic, key, headers: { ...encoded.headers }, value: withTimes(value) });
      return encoded;
    },
  };
  await startRelay(graph);
  await createCustomerHistory(graph, relay.policy);
  await createCatalogueHistory(graph);
  await expect(startRelayActivity({ ...relay, graph: dyingGraph(graph) }).ended).rejects.toThrow('killed');
  expect(await countUnpublished(graph)).toBeGreaterThan(0);
  await withdrawRecord();
  await publishAll(relay);
}

/** A record that no consumer can read, in a transaction that is aborted. */
async function withdrawRecord(): Promise<void> {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    clientId: 'test',
    bootstrapBrokers: servers.brokers,
    idempotent: true,
    transactionalId: 'test',
    retries: true,
  });
  const transaction = await producer.beginTransaction({ producerId: -1n, producerEpoch: -1 });
  const record = { key: Buffer.from('withdrawn'), value: Buffer.from('withdrawn') };
  await transaction.send({ messages: Object.values(Topic).map((topic) => ({ topic, ...record })) });
  await transaction.abort();
  await producer.close();
}

const TIMES = ['occurred_at', 'recorded_at', 'as_of'];
const withTimes = (value: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      TIMES.includes(name) ? new Date(Number(field)).toISOString() : field,
    ]),
  );

async function read(language: string, variables = {}): Promise<Reading> {
  const [command, ...args] =
    language === 'Go'
      ? [join(folder, 'consumer.exe')]
      : [runtimes.python, fileURLToPath(new URL('consumer.py', CONSUMERS))];
  const env = {
    ...runtimes.env,
    PYTHONDONTWRITEBYTECODE: '1',
    KAFKA_BROKERS: servers.brokers.join(','),
    ...variables,
  };
  const { stdout } = await execa(command ?? '', [...args, SCHEMAS], { env });
  return JSON.parse(stdout) as Reading;
}

/** The records of each key in each topic, in their order. */
function byStream(
  records: readonly Reading.Record[],
): Record<string, Omit<Reading.Record, 'topic' | 'key'>[]> {
  const streams = Map.groupBy(records, ({ topic, key }) => `${topic} ${key}`);
  return Object.fromEntries(
    [...streams].map(([stream, own]) => [stream, own.map(({ headers, value }) => ({ headers, value }))]),
  );
}

/** The first of each id: later ones are repetitions. */
function firstOfEach(records: readonly Reading.Record[]): Reading.Record[] {
  const seen = new Set<string>();
  const idOf = ({ topic, headers }: Reading.Record) => `${topic} ${headers.ce_id}`;
  return records.filter((record) => !seen.has(idOf(record)) && seen.add(idOf(record)));
}

/** As the header of a record has it: its bytes from the lowest on. */
function headerOf(schema: unknown): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(fingerprint(schema));
  return bytes.toString('hex');
}

describe.each(['Python', 'Go'])('a program in %s that knows only the published schemas', (language) => {
  let reading: Reading;
  beforeAll(async () => {
    reading = await read(language);
  });

  test('finds every record as it is documented: encoding, key, partition, headers, order', () => {
    expect(reading.problems).toEqual([]);
  });

  test('computes the fingerprints that the records have', () => {
    const expected = [...readSchemas()].map(([topic, schema]) => [topic, headerOf(schema)]);
    expect(reading.fingerprints).toEqual(Object.fromEntries(expected));
  });

  test('reads all that was written, in every topic, once', () => {
    const distinct = firstOfEach(written);
    expect(new Set(reading.records.map(({ topic }) => topic))).toEqual(new Set(Object.values(Topic)));
    expect(byStream(reading.records)).toEqual(byStream(distinct));
    expect(reading.repetitions).toBe(written.length - distinct.length);
    expect(reading.repetitions).toBeGreaterThanOrEqual(distinct.length);
  });

  test('has every event of the graph from the log’s topic', async () => {
    const logged = reading.records.filter(({ topic }) => topic === Topic.log);
    const ids = logged.map(({ value }) => value.event_id);
    expect(ids.sort()).toEqual((await readLoggedEvents(graph)).map(({ id }) => id).sort());
  });
});

describe.each(readConsumerContracts())('what $consumer relies on', (contract) => {
  test('is in the records that are written', async () => {
    const { records, close } = await collectRecords(servers.brokers, { isCommittedOnly: true });
    await expect.poll(() => records.length).toBe(written.length);
    await close();
    expect(recordProblems(contract, records)).toEqual([]);
  });

  test('is how long the topics are kept', async () => {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: servers.brokers });
    const resources = Object.keys(contract.topics).map((resourceName) => ({
      resourceType: ConfigResourceTypes.TOPIC,
      resourceName,
    }));
    const described = await admin.describeConfigs({ resources });
    await admin.close();
    const settings = described.map(({ resourceName, configs }) => [
      resourceName,
      Object.fromEntries(configs.map(({ name, value }) => [name, value ?? ''])),
    ]);
    expect(settingsProblems(contract, Object.fromEntries(settings))).toEqual([]);
  });
});

test.each([
  [
    'a wrong password',
    { KAFKA_SASL_PASSWORD: 'wrong' },
    /authentication failed.*Check KAFKA_SASL_MECHANISM, .*_PASSWORD/,
  ],
  [
    'a mechanism that the brokers lack',
    { KAFKA_SASL_MECHANISM: 'PLAIN' },
    /mechanism.*Check KAFKA_SASL_MECHANISM, /,
  ],
  [
    'an authority that is not theirs',
    () => ({ KAFKA_TLS_CA_CERT_PATH: servers.otherCa }),
    /certificate.*Check KAFKA_TLS_CA_CERT_PATH/,
  ],
])('%s is named with its variables, by the relay and by persona doctor', async (_, changed, problem) => {
  const variables = typeof changed === 'function' ? changed() : changed;
  const open = createKafkaPublishers(kafkaOptions(kafkaEnvironment(variables)));
  await expect(open()).rejects.toThrow(problem);
  const settings = readSettings({
    ...servers.variables,
    ...variables,
    PERSONA_RUN_FILE: join(folder, 'none'),
  });
  const { kafka } = await checkKafka(settings);
  expect(kafka).toMatchObject({ state: 'unreachable', detail: expect.stringMatching(problem) });
});

test('a right that its user lacks is named', async () => {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: servers.brokers });
  onTestFinished(() => admin.close());
  const denied = {
    ...{ resourceType: ResourceTypes.TRANSACTIONAL_ID, resourceName: 'persona-relay' },
    ...{ resourcePatternType: ResourcePatternTypes.LITERAL, operation: AclOperations.WRITE },
    ...{ principal: 'User:persona', host: '*', permissionType: AclPermissionTypes.DENY },
  };
  await admin.createAcls({ creations: [denied] });
  try {
    const open = createKafkaPublishers(kafkaOptions(kafkaEnvironment()));
    await expect
      .poll(() => open().then(({ close }) => close(), String))
      .toMatch(/Transactional Id authorization failed.*Check the rights of its user/);
  } finally {
    await admin.deleteAcls({ filters: [denied] });
  }
});

test('a topic that keeps records about erased customers for too long is named', async () => {
  const settings = readSettings({ ...servers.variables, PERSONA_RUN_FILE: join(folder, 'none') });
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: servers.brokers });
  onTestFinished(() => admin.close());
  const keep = (days: number) =>
    admin.incrementalAlterConfigs({
      resources: [
        {
          ...{ resourceType: ConfigResourceTypes.TOPIC, resourceName: Topic.notice },
          configs: [{ name: 'retention.ms', configOperation: 0, value: String(days * 24 * 3_600_000) }],
        },
      ],
    });
  await keep(31);
  await expect
    .poll(async () => (await checkKafka(settings)).topics)
    .toEqual({
      state: 'wrong',
      detail: expect.stringContaining(`${Topic.notice}: retention.ms is 2678400000`),
      remedy: expect.stringContaining('Topics with other settings'),
    });
  await keep(28);
  await expect
    .poll(async () => (await checkKafka(settings)).topics)
    .toMatchObject({ state: 'ok', detail: expect.stringContaining('at most 30 days') });
});

describe('with a schema registry', () => {
  const SUBJECT = 'persona.notice.v1-value';
  const operator = () => registryOperator(servers.registry);
  const environment = () => ({
    ...process.env,
    ...{ NEO4J_URI: servers.neo4j.uri, NEO4J_USERNAME: servers.neo4j.username },
    ...{ NEO4J_PASSWORD: servers.neo4j.password, ...servers.variables },
    ...{ METRICS_PORT: '0', LOG_LEVEL: 'warn', PERSONA_RUN_FILE: join(folder, 'none') },
  });
  const checkRegistry = async () => (await checkKafka(readSettings(environment()))).schema_registry;
  const startRelaying = () => {
    const { dependencies } = createPublishing(kafkaEnvironment(), {
      ...{ graph, policy: readPolicy(), registry: new Registry() },
      disclose: () => {},
    });
    return startRelayActivity({ graph, policy: readPolicy(), ...dependencies });
  };

  test('a schema that it refuses is named, and nothing is published until it is accepted', async () => {
    await operator().register(SUBJECT, { ...FEEDBACK_SCHEMA, name: 'Notice' });
    await operator().setCompatibility(SUBJECT, 'BACKWARD');
    await expect(startRelaying().ended).rejects.toMatchObject({
      type: 'schema_registry_unavailable',
      message: expect.stringMatching(/refuses the schema of persona\.notice\.v1-value: .*incompatible/i),
    });
    expect(await checkRegistry()).toMatchObject({ state: 'wrong', detail: expect.stringContaining(SUBJECT) });
    await operator().delete(SUBJECT);
    const relay = startRelaying();
    const registered = { state: 'ok', detail: expect.stringContaining('10 of 10 schemas are registered') };
    await expect.poll(checkRegistry).toMatchObject(registered);
    await relay.stop();
    expect(await operator().compatibility(SUBJECT)).toEqual({ compatibilityLevel: 'FULL' });
  });

  test('agents’ records are read in both formats; while it is away they wait, and an unknown schema is a dead letter', async () => {
    const customer_id = randomUUID();
    await createCustomer(graph, testHeader(), { customer_id });
    const ltvOf = async () => {
      const query = 'MATCH (c:Customer {id: $customer_id}) RETURN c.ltv_minor AS ltv';
      return (await runCypher(graph, query, { customer_id })).records[0]?.get('ltv') as number;
    };
    const topic = InboundTopic.analyticsFeedback;
    const write = (...values: (Buffer | Record<string, unknown>)[]) =>
      writeRecords(
        servers.brokers,
        values.map((value) => ({ topic, key: customer_id, value })),
      );
    const feedback = (ltv: string) => ({ event_id: randomUUID(), customer_id, ltv });
    const { id } = await operator().register(`${topic}-value`, FEEDBACK_SCHEMA);
    const consumer = execa(process.execPath, ['consumers/main.ts'], {
      ...{ cwd: new URL('../..', import.meta.url), env: environment(), stdin: 'ignore', reject: false },
    });
    onTestFinished(() => void consumer.kill('SIGKILL'));
    const { metrics } = await readReadyLine(consumer);
    await write({ ...feedback('10.00'), occurred_at: new Date().toISOString() });
    await expect.poll(ltvOf).toBe(1_000);

    servers.suspendRegistry();
    await write(encodeFeedback(id, feedback('20.00')));
    const waits = async () =>
      (await (await fetch(metrics)).text()).match(/consumer_waits_total ([1-9])/)?.[1];
    await expect.poll(waits).toBeDefined();
    await expect(startRelaying().ended).rejects.toMatchObject({ type: 'schema_registry_unavailable' });
    expect(await countUnpublished(graph)).toBeGreaterThan(0);
    expect(await ltvOf()).toBe(1_000);
    servers.resumeRegistry();
    await expect.poll(ltvOf).toBe(2_000);

    const unknown = { ...feedback('30.00'), customer_id: randomUUID() };
    await write(
      encodeFeedback(4_711, feedback('30.00')),
      encodeFeedback(id, unknown),
      encodeFeedback(id, feedback('40.00')),
    );
    await expect.poll(ltvOf).toBe(4_000);
    const dlq = async (...args: string[]) => {
      const lines: string[] = [];
      const out = (line: string) => void lines.push(line);
      await runCli(['dlq', ...args, '--json'], {
        env: environment(),
        stdin: Readable.from([]),
        out,
        err: out,
      });
      return JSON.parse(lines.join('\n')) as { items: { id: string; error_type: string; error: string }[] };
    };
    const { items } = await dlq('list');
    expect(items).toEqual([
      expect.objectContaining({ error_type: 'undecodable', error: expect.stringContaining('4711') }),
      expect.objectContaining({ error_type: 'customer_not_found' }),
    ]);
    expect(await dlq('show', items[1]?.id ?? '')).toMatchObject({ value: { ...unknown, segment: null } });
    consumer.kill('SIGTERM');
    expect(await consumer).toMatchObject({ exitCode: 0 });
  });

  test('the whole log, published in both formats, is read by an agent and by persona replay', async () => {
    await runCypher(graph, "MATCH (r:Relay {id: 'events'}) SET r.drains_since = datetime()");
    const relay = startRelaying();
    await untilPublished(graph);
    await relay.stop();
    const logged = (await readLoggedEvents(graph)).map(({ id }) => id).sort();
    const variables = { SCHEMA_REGISTRY_URL: servers.registry };
    const { records, registered, problems } = await read('Python', variables);
    expect(problems).toEqual([]);
    expect(registered).toBeGreaterThan(logged.length);
    const idsOf = (topic: string) =>
      records.filter((record) => record.topic === topic).map(({ value }) => value.event_id);
    expect(idsOf(Topic.log).sort()).toEqual(logged);

    const { schemaRegistry } = kafkaEnvironment();
    const registry = schemaRegistry && openSchemaRegistry(schemaRegistry);
    const { entries } = await archiveLog(servers.brokers[0] ?? '', logged, registry);
    expect(entries.map(({ event_id }) => event_id).sort()).toEqual(logged);
    const replayed = async (registry: SchemaRegistry | undefined) => {
      const source = await openKafkaSource(kafkaOptions(kafkaEnvironment()), registry);
      try {
        const ids = new Set<string>();
        const range = { end: await source.end(), after: undefined, streams: undefined };
        for await (const { events } of source.read(range)) for (const { event } of events) ids.add(event.id);
        return [...ids].sort();
      } finally {
        await source.close();
      }
    };
    expect(await replayed(registry)).toEqual(logged);
    await expect(replayed(undefined)).rejects.toMatchObject({
      ...{ type: 'log_unusable', message: expect.stringContaining('no SCHEMA_REGISTRY_URL is set') },
    });
  });
});
