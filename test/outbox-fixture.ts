/** A Neo4j and a Kafka of a test file's own: a relay publishes all of a graph, and a test may stop its Kafka. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Consumer } from '@platformatic/kafka';
import avro from 'avsc';
import { expect } from 'vitest';
import { startGuard } from '../dev/stack/guard.ts';
import { startStack } from '../dev/stack/stack.ts';
import { Topic, type TopicName } from '../domain/outbox/topics.ts';
import { readSchemas } from '../events/schemas.ts';
import type { Graph } from '../graph/index.ts';

export interface OutboxServers {
  neo4j: { uri: string; username: string; password: string };
  brokers: string[];
  killKafka(): Promise<void>;
  restartKafka(): Promise<void>;
  close(): Promise<void>;
}

export async function startOutboxServers(): Promise<OutboxServers> {
  const guard = startGuard();
  const { env, processes } = await startStack({
    servers: ['neo4j', 'kafka'],
    folder: mkdtempSync(join(tmpdir(), 'persona-outbox-')),
    guard,
    log: () => {},
    // Not those that the environment names, which others use.
    env: { ...process.env, NEO4J_URI: undefined, KAFKA_BROKERS: undefined },
  });
  const { kafka, neo4j } = processes;
  if (kafka === undefined || neo4j === undefined) throw new Error('the servers were not started here');
  return {
    neo4j: {
      uri: env.NEO4J_URI ?? '',
      username: env.NEO4J_USERNAME ?? '',
      password: env.NEO4J_PASSWORD ?? '',
    },
    brokers: [env.KAFKA_BROKERS ?? ''],
    killKafka: () => kafka.kill(),
    restartKafka: () => kafka.restart(),
    async close() {
      await Promise.all([kafka.kill(), neo4j.kill()]);
      await guard.stop();
    },
  };
}

/** A record as a consumer gets it. */
export interface ConsumedRecord {
  topic: TopicName;
  partition: number;
  key: string;
  headers: Record<string, string>;
  value: Record<string, unknown>;
}

export interface Collector {
  /** In the order of each partition. */
  readonly records: readonly ConsumedRecord[];
  close(): Promise<void>;
}

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;

/** Collects every record of every topic from the beginning. The topics must exist. */
export async function collectRecords(
  brokers: string[],
  { isCommittedOnly = false }: { isCommittedOnly?: boolean } = {},
): Promise<Collector> {
  const types = new Map(
    [...readSchemas()].map(([topic, schema]) => [
      topic,
      avro.Type.forSchema(schema as unknown as avro.Schema),
    ]),
  );
  const consumer = new Consumer({
    clientId: 'test',
    groupId: `test-${Math.random()}`,
    bootstrapBrokers: brokers,
    retries: true,
  });
  const stream = await consumer.consume({
    topics: Object.values(Topic),
    mode: 'earliest',
    autocommit: false,
    maxWaitTime: 100,
    isolationLevel: isCommittedOnly ? READ_COMMITTED : READ_UNCOMMITTED,
  });
  const records: ConsumedRecord[] = [];
  stream.on('data', ({ topic, partition, key, value, headers }) => {
    const type = types.get(topic as TopicName);
    if (type === undefined) throw new Error(`unknown topic ${topic}`);
    records.push({
      ...{ topic: topic as TopicName, partition, key: key.toString() },
      headers: Object.fromEntries([...headers].map(([name, text]) => [name.toString(), text.toString()])),
      value: { ...(type.fromBuffer(value.subarray(10)) as object) },
    });
  });
  return {
    records,
    close: () => consumer.close(true),
  };
}

const EVENTS = `
  MATCH (e:PersonaEvent)
  RETURN e.id AS id, e.stream_id AS stream_id, e.seq AS seq, e.type AS type ORDER BY e.stream_id, e.seq`;

/** Every event in the graph, stream by stream. */
export function readLoggedEvents(
  graph: Graph,
): Promise<{ id: string; stream_id: string; seq: number; type: string }[]> {
  return graph.read(EVENTS);
}

/** What a consumer keeps that drops the events which it has seen. */
export function withoutRepetitions(records: readonly ConsumedRecord[]): ConsumedRecord[] {
  const seen = new Set<unknown>();
  return records.filter(({ value: { event_id } }) => !seen.has(event_id) && seen.add(event_id));
}

/**
 * The log's topic has every event of the graph once for a consumer that drops repetitions, and each stream in its order:
 * also with what was withdrawn, which Kafka's own consumers read unless configured otherwise.
 * @returns all records
 */
export async function expectEveryEventInKafka(
  graph: Graph,
  brokers: string[],
  options: { isCommittedOnly?: boolean } = {},
): Promise<ConsumedRecord[]> {
  const expected = await readLoggedEvents(graph);
  const { records, close } = await collectRecords(brokers, options);
  const consumed = () => withoutRepetitions(records.filter(({ topic }) => topic === Topic.log));
  await expect.poll(() => consumed().length, { timeout: 120_000 }).toBeGreaterThanOrEqual(expected.length);
  await close();
  const streams = Map.groupBy(consumed(), ({ key }) => key);
  const inOrder = [...streams.keys()]
    .sort()
    .flatMap((stream) => (streams.get(stream) ?? []).map(({ value }) => [stream, value.seq, value.event_id]));
  expect(inOrder).toEqual(expected.map(({ id, stream_id, seq }) => [stream_id, seq, id]));
  return [...records];
}
