/** A graph and a Kafka of a test file's own: a relay publishes all of a graph, and a test may stop its Kafka. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kill } from 'node:process';
import {
  AclOperations,
  type AclOperationValue,
  AclPermissionTypes,
  Admin,
  ResourcePatternTypes,
  type ResourcePatternTypeValue,
  ResourceTypes,
  type ResourceTypeValue,
} from '@platformatic/kafka';
import avro from 'avsc';
import { expect } from 'vitest';
import { CommittedConsumer } from '../platform/committed-consumer.ts';
import { writeCertificates } from '../dev/access/certificates.ts';
import { startGuard } from '../dev/stack/guard.ts';
import { type ServerName, type Stack, type StackOptions, startStack } from '../dev/stack/stack.ts';
import { InboundTopic } from '../domain/inbound/topics.ts';
import { Topic, type TopicName } from '../domain/outbox/topics.ts';
import { readSchemas } from '../events/schemas.ts';
import { findErasedIds } from '../graph/erasure/erased-ids.ts';
import type { Graph } from '../graph/index.ts';
import { openOwnGraph, type OwnGraph } from './own-graph.ts';
import { startTlsProxy } from './tls-proxy.ts';

export interface OutboxServers {
  neo4j: { uri: string; username: string; password: string };
  brokers: string[];
  killKafka(): Promise<void>;
  restartKafka(): Promise<void>;
  close(): Promise<void>;
}

export async function startOutboxServers(): Promise<OutboxServers> {
  const { stack, graph, close } = await startServers(['kafka']);
  return { ...outboxServers(stack, graph), close };
}

export interface SecuredServers extends OutboxServers {
  /** Of Kafka with TLS and a login, and of a schema registry with TLS. */
  variables: Readonly<Record<string, string>>;
  /** Suspended, the registry accepts connections, and responds to nothing. */
  suspendRegistry(): void;
  resumeRegistry(): void;
  /** The registry's API without TLS. */
  registry: string;
  /** Path of an authority that has signed none of their certificates. */
  otherCa: string;
}

/** The same as companies run them. */
export async function startSecuredServers(): Promise<SecuredServers> {
  const folder = mkdtempSync(join(tmpdir(), 'persona-certificates-'));
  const [own, other] = await Promise.all([
    writeCertificates(join(folder, 'own')),
    writeCertificates(join(folder, 'other')),
  ]);
  const user = { username: 'persona', password: randomUUID() };
  const { stack, graph, close } = await startServers(['kafka', 'schema_registry'], {
    ...own.server,
    ...user,
  });
  await grantRights(stack.env.KAFKA_BROKERS ?? '', user.username);
  const { schema_registry: process } = stack.processes;
  const registry = new URL(stack.urls.schema_registry ?? '');
  const proxy = await startTlsProxy(registry.host, own.server);
  const signal = (name: NodeJS.Signals) => void kill(process?.child.pid ?? 0, name);
  return {
    ...outboxServers(stack, graph),
    variables: {
      KAFKA_BROKERS: stack.urls.kafka_login ?? '',
      KAFKA_TLS_CA_CERT_PATH: own.ca,
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_USERNAME: user.username,
      KAFKA_SASL_PASSWORD: user.password,
      SCHEMA_REGISTRY_URL: `https://persona:a-password@localhost:${proxy.port}${registry.pathname}`,
      SCHEMA_REGISTRY_TLS_CA_CERT_PATH: own.ca,
    },
    suspendRegistry: () => signal('SIGSTOP'),
    resumeRegistry: () => signal('SIGCONT'),
    registry: registry.href,
    otherCa: other.ca,
    async close() {
      await proxy.close();
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Right = readonly [
  type: ResourceTypeValue,
  pattern: ResourcePatternTypeValue,
  name: string,
  operations: readonly AclOperationValue[],
];

/** What Persona's user needs (docs/decisions/30-events-out.md), and nothing else. */
async function grantRights(broker: string, username: string): Promise<void> {
  const { CREATE, DESCRIBE_CONFIGS, READ, WRITE } = AclOperations;
  const { GROUP, TOPIC, TRANSACTIONAL_ID } = ResourceTypes;
  const { LITERAL, PREFIXED } = ResourcePatternTypes;
  const rights: Right[] = [
    [TOPIC, PREFIXED, 'persona.', [CREATE, DESCRIBE_CONFIGS, READ, WRITE]],
    ...Object.values(InboundTopic).map(
      (topic): Right => [TOPIC, LITERAL, topic, [CREATE, DESCRIBE_CONFIGS, READ]],
    ),
    [TRANSACTIONAL_ID, LITERAL, 'persona-relay', [WRITE]],
    [GROUP, LITERAL, 'persona', [READ]],
  ];
  const admin = new Admin({ clientId: 'operator', bootstrapBrokers: [broker], retries: 20, retryDelay: 250 });
  try {
    await admin.createAcls({
      creations: rights.flatMap(([resourceType, resourcePatternType, resourceName, operations]) =>
        operations.map((operation) => ({
          ...{ resourceType, resourcePatternType, resourceName, operation },
          ...{ principal: `User:${username}`, host: '*', permissionType: AclPermissionTypes.ALLOW },
        })),
      ),
    });
  } finally {
    await admin.close();
  }
}

async function startServers(servers: readonly ServerName[], kafkaLogin?: StackOptions['kafkaLogin']) {
  const guard = startGuard();
  const [graph, stack] = await Promise.all([
    openOwnGraph(),
    startStack({
      servers,
      folder: mkdtempSync(join(tmpdir(), 'persona-outbox-')),
      guard,
      log: () => {},
      kafkaLogin,
      // Not those that the environment names, which others use.
      env: { ...process.env, KAFKA_BROKERS: undefined, SCHEMA_REGISTRY_URL: undefined },
    }),
  ]);
  const close = async () => {
    await Promise.all(Object.values(stack.processes).map((one) => one.kill()));
    await guard.stop();
    await graph.close();
  };
  return { stack, graph, close };
}

function outboxServers({ env, processes }: Stack, { variables }: OwnGraph): Omit<OutboxServers, 'close'> {
  const { kafka } = processes;
  if (kafka === undefined) throw new Error('Kafka was not started here');
  return {
    neo4j: {
      uri: variables.NEO4J_URI,
      username: variables.NEO4J_USERNAME,
      password: variables.NEO4J_PASSWORD,
    },
    brokers: [env.KAFKA_BROKERS ?? ''],
    killKafka: () => kafka.kill(),
    restartKafka: () => kafka.restart(),
  };
}

/** A record as a consumer gets it. */
export interface ConsumedRecord {
  topic: TopicName;
  partition: number;
  key: string;
  headers: Record<string, string>;
  /** Empty: a tombstone. */
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
  const consumer = new CommittedConsumer({
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
      value: value?.length > 0 ? { ...(type.fromBuffer(value.subarray(10)) as object) } : {},
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
  // Of what was erased since, Kafka still has the sealed events.
  const ofStreams = async () => {
    const streams = Map.groupBy(consumed(), ({ key }) => key);
    for (const erased of await findErasedIds(graph, [...streams.keys()])) streams.delete(erased);
    return streams;
  };
  const count = async () => [...(await ofStreams()).values()].flat().length;
  await expect.poll(count, { timeout: 120_000 }).toBeGreaterThanOrEqual(expected.length);
  await close();
  const streams = await ofStreams();
  const inOrder = [...streams.keys()]
    .sort()
    .flatMap((stream) => (streams.get(stream) ?? []).map(({ value }) => [stream, value.seq, value.event_id]));
  expect(inOrder).toEqual(expected.map(({ id, stream_id, seq }) => [stream_id, seq, id]));
  return [...records];
}
