/**
 * Consumers of the topics, on what a relay publishes from a real Neo4j to a real Kafka: programs in Python and Go that know
 * only the published schemas read all of it, and it has what each agent relies on.
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Admin, ConfigResourceTypes, Producer } from '@platformatic/kafka';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKafkaPublishers } from '../../adapters/kafka/publisher.ts';
import type { OutgoingRecord } from '../../domain/outbox/records.ts';
import { Topic } from '../../domain/outbox/topics.ts';
import { fingerprint } from '../../events/avro.ts';
import { createRecordEncoder } from '../../events/encode.ts';
import { readSchemas } from '../../events/schemas.ts';
import type { Graph } from '../../graph/index.ts';
import { startRelay } from '../../graph/outbox/index.ts';
import { createCustomerHistory } from '../../graph/replay/history-fixtures.ts';
import { readPolicy } from '../../platform/policy.ts';
import { type AgentRuntimes, goBuild, prepareAgentRuntimes } from '../agent-programs.ts';
import { CONSUMERS, readConsumerContracts, settingsProblems } from '../contracts/consumer-contracts.ts';
import { recordProblems } from '../contracts/consumer-records.ts';
import {
  collectRecords,
  type ConsumedRecord,
  type OutboxServers,
  readLoggedEvents,
  startOutboxServers,
} from '../outbox-fixture.ts';
import { countUnpublished, dyingGraph, publishAll, startRelayActivity } from '../relay-fixture.ts';
import { openTestGraph, verifyAndClose } from '../test-graph.ts';

const RUNNING = fileURLToPath(new URL('../../.persona/running', import.meta.url));
const SCHEMAS = fileURLToPath(new URL('../../events/schemas', import.meta.url));

/** What a program prints. Times in its values are in RFC 3339. */
interface Reading {
  fingerprints: Record<string, string>;
  records: Reading.Record[];
  repetitions: number;
  problems: string[];
}
declare namespace Reading {
  type Record = Pick<ConsumedRecord, 'topic' | 'key' | 'headers' | 'value'>;
}

let folder: string;
let servers: OutboxServers;
let graph: Graph;
let runtimes: AgentRuntimes;
/** Every record that the relay has written, with its repetitions. */
const written: Reading.Record[] = [];

beforeAll(async () => {
  mkdirSync(RUNNING, { recursive: true });
  folder = mkdtempSync(join(RUNNING, 'consumers-'));
  [servers] = await Promise.all([startOutboxServers(), compileGoProgram()]);
  graph = await openTestGraph(servers.neo4j);
  await publishHistory();
}, 240_000);
afterAll(async () => {
  await verifyAndClose(graph);
  await servers.close();
  rmSync(folder, { recursive: true, force: true });
});

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
    openPublisher: createKafkaPublishers({ brokers: servers.brokers }),
    encode(record: OutgoingRecord) {
      const encoded = encode(record);
      const { topic, key, value } = record;
      written.push({ topic, key, headers: { ...encoded.headers }, value: withTimes(value) });
      return encoded;
    },
  };
  await startRelay(graph);
  await createCustomerHistory(graph, relay.policy);
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
const withTimes = (value: OutgoingRecord['value']) =>
  Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      TIMES.includes(name) ? new Date(Number(field)).toISOString() : field,
    ]),
  );

async function read(language: string): Promise<Reading> {
  const [command, ...args] =
    language === 'Go'
      ? [join(folder, 'consumer.exe')]
      : [runtimes.python, fileURLToPath(new URL('consumer.py', CONSUMERS))];
  const env = { ...runtimes.env, PYTHONDONTWRITEBYTECODE: '1', KAFKA_BROKERS: servers.brokers.join(',') };
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
